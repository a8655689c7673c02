import { describe, expect, test } from 'vitest';
import type { GgufArray } from '../../../compiler/checkpoint/gguf-metadata.ts';
import { readGguf } from '../../../compiler/checkpoint/read-gguf.ts';
import { memorySource } from './memory-source.ts';
import { f32, int64, type RawGguf, type RawGgufTensor, text, texts, u32, writeGguf } from './write-gguf.ts';

const weight: RawGgufTensor = { name: 'w', shape: [3, 32], type: 2, bytes: new Uint8Array(3 * 18) };

function faultOf(bytes: Uint8Array): string {
  const read = readGguf(memorySource(bytes));
  if (read.ok) throw new Error('the file was taken');
  return read.error.map(({ code, message }) => `${code} ${message}`).join('\n');
}

test.each([2, 3])(
  'version %d: metadata of every type, arrays by their place, tensors outermost size first',
  (version) => {
    const vocabulary = Array.from({ length: 50_000 }, (_, index) => `token ${index}`);
    const file = writeGguf({
      version,
      alignment: 64,
      metadata: [
        ['general.alignment', u32(64)],
        ['u8', { type: 0, value: 200 }],
        ['bool', { type: 7, value: 1 }],
        ['u64', { type: 10, value: 2n ** 60n }],
        ['i64', { type: 11, value: -5n }],
        ['f64', { type: 12, value: 0.1 }],
        ['eps', f32(1e-5)],
        ['name', text('ein Name')],
        ['tokens', texts(vocabulary)],
      ],
      tensors: [weight, { name: 'v', shape: [5], type: 0, bytes: new Uint8Array(20) }],
    });
    const source = memorySource(file);
    const read = readGguf(source);
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const { metadata, tensors } = read.value;
    expect([...metadata].filter(([key]) => key !== 'tokens')).toEqual([
      ['general.alignment', 64],
      ['u8', 200],
      ['bool', true],
      ['u64', 2n ** 60n],
      ['i64', -5n],
      ['f64', 0.1],
      ['eps', Math.fround(1e-5)],
      ['name', 'ein Name'],
    ]);
    const tokens = metadata.get('tokens') as GgufArray;
    expect(tokens.count).toBe(50_000);
    const first = file.subarray(tokens.offset + 8, tokens.offset + 15);
    expect(Buffer.from(first).toString()).toBe('token 0');
    expect(tensors.map(({ name, format, shape, bytes }) => [name, format.name, shape, bytes])).toEqual([
      ['w', 'Q4_0', [3, 32], 54],
      ['v', 'F32', [5], 20],
    ]);
    expect(tensors.map(({ offset }) => offset % 64)).toEqual([0, 0]);
    expect(tensors[1]!.offset - tensors[0]!.offset).toBe(64);
    expect(source.asked.reads).toBeLessThan(10);
  },
);

describe('refuses', () => {
  const good: RawGguf = { metadata: [['k', u32(1)]], tensors: [weight] };
  const file = writeGguf(good);
  const at = (offset: number, value: number | bigint) => {
    const changed = Uint8Array.from(file);
    changed.set(int64(value), offset);
    return changed;
  };
  const withTensor = (changes: Partial<RawGgufTensor>) =>
    writeGguf({ ...good, tensors: [{ ...weight, ...changes }] });
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', new Uint8Array(0), /^QK152 .*0 left/],
    ['another file', Buffer.from('PK\u0003\u0004 and so on'), /^QK152 .*begin with "GGUF"/],
    ['version 1', writeGguf({ version: 1 }), /^QK152 GGUF version 1/],
    ['a big-endian file', writeGguf({ version: 3 * 2 ** 24 }), /^QK152 .*big-endian/],
    ['2^64 - 1 tensors', at(8, 2n ** 64n - 1n), /^QK152 the number of tensors/],
    ['a million tensors', at(8, 1_000_000), /^QK158 1000000 tensors/],
    ['a hundred thousand keys', at(16, 100_000), /^QK158 100000 metadata keys/],
    ['more keys than there are', at(16, 3), /^QK152/],
    ['a key of 2^62 bytes', at(24, 2n ** 62n), /^QK152 the length of metadata key 0/],
    ['a key as long as the file', at(24, 5000), /^QK152 .*left/],
    [
      'a key twice',
      writeGguf({
        metadata: [
          ['k', u32(1)],
          ['k', u32(1)],
        ],
      }),
      /^QK154 .*"k" twice/,
    ],
    [
      'a value of no type',
      writeGguf({ metadata: [['k', { type: 13, value: 1 }]] }),
      /^QK152 .*unknown type 13/,
    ],
    [
      'an array of no type',
      writeGguf({ metadata: [['k', { type: 9, element: 99, value: [] }]] }),
      /^QK152 .*unknown type 99/,
    ],
    [
      'an alignment of 0',
      writeGguf({ metadata: [['general.alignment', u32(0)]] }),
      /^QK152 general.alignment/,
    ],
    [
      'an alignment of 24',
      writeGguf({ metadata: [['general.alignment', u32(24)]] }),
      /^QK152 general.alignment/,
    ],
    ['five dimensions', withTensor({ shape: [1, 1, 1, 1, 32] }), /^QK152 .*5 dimensions/],
    [
      'a row that ends within a block',
      withTensor({ shape: [32, 3] }),
      /^QK153 .*Q4_0 has no shape \[32, 3\]/,
    ],
    ['a shape beyond counting', withTensor({ shape: [2 ** 40, 2 ** 40] }), /^QK153/],
    ['a type that does not exist', withTensor({ type: 77 }), /^QK155 .*type 77/],
    ['a type that was taken out', withTensor({ type: 4 }), /^QK155 .*type 4/],
    ['an offset off the alignment', withTensor({ offset: 8 }), /^QK153 .*no multiple of 32/],
    ['an offset beyond the file', withTensor({ offset: 2 ** 40 }), /^QK153 .*takes 54 bytes at byte/],
    ['a file cut within the data', file.slice(0, -32), /^QK153 .*takes 54 bytes/],
    ['a name twice', writeGguf({ tensors: [weight, weight] }), /^QK154 .*"w" is listed twice/],
    [
      'bytes shared by two',
      writeGguf({ tensors: [weight, { ...weight, name: 'v', offset: 32 }] }),
      /^QK153 .*overlap/,
    ],
    ['a name that is no text', file.with(file.lastIndexOf(0x77), 0xff), /^QK152 .*UTF-8/],
  ];
  test.each(cases)('%s', (_, bytes, expected) => expect(faultOf(bytes)).toMatch(expected));

  test('arrays within arrays without end', () => {
    const nested = Array.from({ length: 100 }, () => [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).flat();
    const head = writeGguf({ metadata: [['k', { type: 9, element: 9, value: [] }]] }).slice(0, 37);
    expect(faultOf(Buffer.concat([head, Buffer.from(nested)]))).toMatch(/^QK158 .*nests deeper/);
  });

  test('an array of more texts than any vocabulary has, before it walks through them', () => {
    const head = writeGguf({ metadata: [['k', texts([])]] }).slice(0, 41);
    const source = memorySource(Buffer.concat([head, int64(2 ** 40), Buffer.alloc(1 << 20)]));
    const read = readGguf(source);
    expect(read.ok ? [] : read.error.map(({ code }) => code)).toEqual(['QK158']);
    expect(source.asked.reads).toBe(1);
  });
});
