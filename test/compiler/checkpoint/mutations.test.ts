import { describe, expect, test } from 'vitest';
import { readFloats } from '../../../compiler/checkpoint/read-floats.ts';
import { readGguf } from '../../../compiler/checkpoint/read-gguf.ts';
import { readSafetensors } from '../../../compiler/checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../../../compiler/checkpoint/stored-tensor.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import type { Result } from '../../../compiler/support/result.ts';
import { memorySource } from './memory-source.ts';
import { mutate } from './mutate.ts';
import { f32, text, texts, u32, writeGguf } from './write-gguf.ts';
import { writeSafetensors, zeros } from './write-safetensors.ts';

/** Mutations of each format: QUIKC_FUZZ=100000 npx vitest run mutations takes minutes. */
const rounds = Number(process.env['QUIKC_FUZZ'] ?? 4000);

type Read = (bytes: Uint8Array) => Result<readonly StoredTensor[], readonly Diagnostic[]>;

/** What must hold of any bytes: an answer, coded faults or tensors that lie in the file, and few bytes asked for. */
function judge(bytes: Uint8Array, read: Read): 'taken' | 'refused' {
  const answer = read(bytes);
  if (!answer.ok) {
    if (answer.error.length === 0 || answer.error.length > 10)
      throw new Error(`${answer.error.length} faults`);
    for (const { code, message, file } of answer.error) {
      if (!/^QK15[0-9]$/.test(code) || message === '' || file === undefined)
        throw new Error(`${code} ${message}`);
    }
    return 'refused';
  }
  for (const tensor of answer.value) {
    const { offset, bytes: length, shape, format } = tensor;
    const elements = shape.reduce((a, b) => a * b, 1);
    if (!(offset >= 0 && offset + length <= bytes.length))
      throw new Error(`${offset} ${length} of ${bytes.length}`);
    if (length !== (elements / format.elements) * format.bytes)
      throw new Error(`${shape} in ${length} bytes`);
    const values = readFloats(tensor);
    if (values.ok && values.value.length !== elements) throw new Error(`${values.value.length} values`);
  }
  return 'taken';
}

function tally(seed: Uint8Array, read: Read) {
  const counts = { taken: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(seed, round);
    try {
      counts[judge(bytes, read)] += 1;
    } catch (cause) {
      throw new Error(`round ${round}: ${cause instanceof Error ? cause.stack : cause}`);
    }
  }
  return counts;
}

const shard = writeSafetensors(
  {
    'model.norm.weight': zeros([8]),
    w: zeros([4, 8], 'BF16'),
    i: { dtype: 'I64', shape: [2], bytes: new Uint8Array(16) },
  },
  { format: 'pt' },
);
const gguf = writeGguf({
  metadata: [
    ['general.architecture', text('llama')],
    ['general.alignment', u32(32)],
    ['llama.rope.freq_base', f32(10_000)],
    ['tokenizer.ggml.tokens', texts(['a', 'bc', 'def'])],
    ['scores', { type: 9, element: 6, value: [0, 1, 2] }],
  ],
  tensors: [
    { name: 'token_embd.weight', shape: [4, 32], type: 2, bytes: new Uint8Array(4 * 18) },
    { name: 'output_norm.weight', shape: [32], type: 0, bytes: new Uint8Array(128) },
    // A multiple of the alignment: padding after the last tensor may be cut off without harm.
    { name: 'blk.0.ffn_up.weight', shape: [1, 512], type: 12, bytes: new Uint8Array(288) },
  ],
});

/** Nothing but the header may be asked for: at most the file twice, however long it claims to be. */
function bounded(
  bytes: Uint8Array,
  read: (source: ReturnType<typeof memorySource>) => ReturnType<Read>,
): ReturnType<Read> {
  const source = memorySource(bytes);
  const answer = read(source);
  if (source.asked.bytes > 2 * bytes.length + 64)
    throw new Error(`${source.asked.bytes} bytes were asked for`);
  return answer;
}

describe.each<readonly [string, Uint8Array, Read]>([
  ['safetensors', shard, (bytes) => bounded(bytes, readSafetensors)],
  [
    'GGUF',
    gguf,
    (bytes) =>
      bounded(bytes, (source) => {
        const read = readGguf(source);
        return read.ok ? { ok: true, value: read.value.tensors } : read;
      }),
  ],
])('%s', (_, seed, read) => {
  test('the seed itself is taken', () => expect(judge(seed, read)).toBe('taken'));

  test(`${rounds} mutations: an answer each time, and of both kinds`, { timeout: 120_000 }, () => {
    const { taken, refused } = tally(seed, read);
    expect(taken).toBeGreaterThan(rounds / 50);
    expect(refused).toBeGreaterThan(rounds / 4);
  });

  test('every beginning of the file', () => {
    for (let length = 0; length < seed.length; length++) {
      expect(judge(seed.slice(0, length), read), `${length} bytes`).toBe('refused');
    }
  });
});
