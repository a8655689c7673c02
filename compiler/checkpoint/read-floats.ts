import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import {
  type Decode,
  decodeBf16,
  decodeF16,
  decodeF32,
  decodeF64,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ8_0,
} from './decode-blocks.ts';
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './decode-super-blocks.ts';
import type { StoredTensor } from './stored-tensor.ts';

const decoders: ReadonlyMap<string, Decode> = new Map([
  ['F64', decodeF64],
  ['F32', decodeF32],
  ['F16', decodeF16],
  ['BF16', decodeBf16],
  ['Q8_0', decodeQ8_0],
  ['Q4_0', decodeQ4_0],
  ['Q4_1', decodeQ4_1],
  ['Q5_0', decodeQ5_0],
  ['Q5_1', decodeQ5_1],
  ['Q2_K', decodeQ2_K],
  ['Q3_K', decodeQ3_K],
  ['Q4_K', decodeQ4_K],
  ['Q5_K', decodeQ5_K],
  ['Q6_K', decodeQ6_K],
]);

/** Of a tensor in a file: what is decoded at once. */
const bytesAtOnce = 2 ** 24;

/** 8 GiB of float32. The largest published weight, LLaMA-3-405B's embedding, has 128256 x 16384, just less. */
const mostElements = 2 ** 31;

/**
 * The values of a tensor as float32, row-major. Exact for F32, F16 and BF16; quantised
 * formats are computed in float32 as ggml does. Faults: QK150 the file cannot be read, QK156 no decoder for the format,
 * QK158 too many values, QK160 a value that is not finite. Keeps four bytes a value, in shared memory if that is asked for, and no more
 * than 16 MiB of the file at once.
 */
export function readFloats(tensor: StoredTensor, shared = false): Result<Float32Array, Diagnostic> {
  const count = countFloats(tensor);
  if (!count.ok) return count;
  const values = shared
    ? new Float32Array(new SharedArrayBuffer(4 * count.value))
    : new Float32Array(count.value);
  let at = 0;
  for (const piece of readFloatPieces(tensor, (length) => values.subarray(at, at + length))) {
    if (!piece.ok) return piece;
    at += piece.value.length;
  }
  return succeed(values);
}

/** The same in pieces, each in what `take` gives for so many values. */
export function* readFloatPieces(
  tensor: StoredTensor,
  take = (length: number): Float32Array => new Float32Array(length),
): Iterable<Result<Float32Array, Diagnostic>> {
  const count = countFloats(tensor);
  const { source, name, format, offset, bytes } = tensor;
  const decode = decoders.get(format.name);
  if (!count.ok || decode === undefined) {
    if (!count.ok) yield count;
    return;
  }
  const blocks = source.computed ? Math.max(1, bytes / format.bytes) : Math.ceil(bytesAtOnce / format.bytes);
  for (let at = 0; at < bytes; at += blocks * format.bytes) {
    const size = Math.min(blocks * format.bytes, bytes - at);
    const read = source.read(offset + at, size);
    if (!read.ok) {
      yield read;
      return;
    }
    const values = take((size / format.bytes) * format.elements);
    decode(read.value, values);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const message = `value ${(at / format.bytes) * format.elements + bad} of ${quoteText(name)} is ${values[bad]}`;
      yield fail(diagnose('QK160', { file: source.file, message }));
      return;
    }
    yield succeed(values);
  }
}

/** How many values a tensor has, if they can be read. */
function countFloats({ source, name, format, bytes }: StoredTensor): Result<number, Diagnostic> {
  if (!decoders.has(format.name)) {
    const message = `the values of ${quoteText(name)} are ${format.name}`;
    const expected = [...decoders.keys()].join(', ');
    return fail(diagnose('QK156', { file: source.file, message, expected }));
  }
  const elements = (bytes / format.bytes) * format.elements;
  if (elements > mostElements) {
    const message = `${quoteText(name)} has ${elements} values; quikc reads up to ${mostElements} at once`;
    return fail(diagnose('QK158', { file: source.file, message }));
  }
  return succeed(elements);
}
