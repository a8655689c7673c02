import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readFloats } from '../../../compiler/checkpoint/read-floats.ts';
import { readGguf } from '../../../compiler/checkpoint/read-gguf.ts';
import { readSafetensors } from '../../../compiler/checkpoint/read-safetensors.ts';
import { restoreRowOrder } from '../../../compiler/checkpoint/restore-row-order.ts';
import type { StoredTensor } from '../../../compiler/checkpoint/stored-tensor.ts';
import { ggmlFormats } from '../../../compiler/checkpoint/tensor-format.ts';
import { memorySource } from './memory-source.ts';
import { writeGguf } from './write-gguf.ts';
import { type RawTensor, writeSafetensors } from './write-safetensors.ts';

function valuesOf(tensor: StoredTensor | undefined): readonly number[] {
  if (tensor === undefined) throw new Error('no such tensor');
  const read = readFloats(tensor);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return [...read.value];
}

function stored(tensor: RawTensor): StoredTensor | undefined {
  const read = readSafetensors(memorySource(writeSafetensors({ before: tensor, w: tensor })));
  return read.ok ? read.value[1] : undefined;
}

test('floats of safetensors', () => {
  const words = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
  const shape = [2, 2];
  expect(valuesOf(stored({ dtype: 'F16', shape, bytes: words(0x3c00, 0xc000, 0x0001, 0x7bff) }))).toEqual([
    1,
    -2,
    2 ** -24,
    65_504,
  ]);
  expect(valuesOf(stored({ dtype: 'BF16', shape, bytes: words(0x3f80, 0xc000, 0x0001, 0x7f7f) }))).toEqual([
    1,
    -2,
    2 ** -133,
    2 ** 128 - 2 ** 120,
  ]);
  const singles = Float32Array.of(0.1, -3, 1e30, 0);
  expect(valuesOf(stored({ dtype: 'F32', shape, bytes: new Uint8Array(singles.buffer) }))).toEqual([
    ...singles,
  ]);
  const doubles = Float64Array.of(0.1, -3, 1e30, 0);
  expect(valuesOf(stored({ dtype: 'F64', shape, bytes: new Uint8Array(doubles.buffer) }))).toEqual([
    ...singles,
  ]);
});

test('values that have no decoder are refused by name', () => {
  const tensor = stored({ dtype: 'I64', shape: [1], bytes: new Uint8Array(8) });
  const read = readFloats(tensor!);
  expect(read.ok ? '' : `${read.error.code} ${read.error.message}`).toBe('QK156 the values of "w" are I64');
});

test.each([
  ['NaN', 0x7e00],
  ['Infinity', 0x7c00],
  ['-Infinity', 0xfc00],
])('a weight that is %s is refused with its place', (name, code) => {
  const bytes = new Uint8Array(Uint16Array.of(0x3c00, 0, code, 0x3c00).buffer);
  const read = readFloats(stored({ dtype: 'F16', shape: [2, 2], bytes })!);
  expect(read.ok ? '' : `${read.error.code} ${read.error.message}`).toBe(`QK160 value 2 of "w" is ${name}`);
});

test('a tensor that is decoded in pieces', () => {
  // 20 bytes a block of 32: pieces of 16 MiB end within none.
  const [blocks, bytes] = [840_000, 20];
  const data = new Uint8Array(blocks * bytes);
  const words = new Uint16Array(data.buffer);
  for (let block = 0; block < blocks; block++) {
    words[(block * bytes) / 2] = 0x3c00;
    words[(block * bytes) / 2 + 1] = 0x6400 + (block % 1000);
    data[block * bytes + 4] = 5;
  }
  const source = memorySource(data);
  const format = ggmlFormats.get(3)!;
  const tensor = { name: 'w', format, shape: [blocks * 32], source, offset: 0, bytes: data.length };
  const read = readFloats(tensor);
  if (!read.ok) throw new Error(read.error.message);
  let wrong = 0;
  for (let at = 0; at < blocks * 32; at += 32)
    for (const i of [0, 1, 31])
      if (read.value[at + i] !== 1024 + ((at / 32) % 1000) + (i === 0 ? 5 : 0)) wrong++;
  expect(wrong).toBe(0);
  words[(839_999 * bytes) / 2 + 1] = 0x7c00;
  const bad = readFloats(tensor);
  expect(bad.ok ? '' : bad.error.message).toBe(`value ${839_999 * 32} of "w" is Infinity`);
});

test('more values than memory is asked for at once are refused unread', () => {
  const tensor = stored({ dtype: 'F16', shape: [1], bytes: new Uint8Array(2) })!;
  const read = readFloats({ ...tensor, shape: [2 ** 32], bytes: 2 ** 33 });
  expect(read.ok ? '' : read.error.code).toBe('QK158');
});

const blocks = JSON.parse(readFileSync('test/fixtures/checkpoints/ggml-blocks.json', 'utf8')) as Record<
  string,
  { readonly bytes: string; readonly values: string }
>;

test('the fixture has every quantised format that is decoded', () => {
  expect(Object.keys(blocks).toSorted()).toEqual([
    'Q2_K',
    'Q3_K',
    'Q4_0',
    'Q4_1',
    'Q4_K',
    'Q5_0',
    'Q5_1',
    'Q5_K',
    'Q6_K',
    'Q8_0',
  ]);
});

test.each(Object.entries(blocks))('%s: every bit as the package gguf has it', (name, block) => {
  const bytes = Buffer.from(block.bytes, 'base64');
  const [type = -1, format] = [...ggmlFormats].find(([, entry]) => entry.name === name) ?? [];
  const shape = [1, (bytes.length / (format?.bytes ?? 1)) * (format?.elements ?? 1)];
  const file = writeGguf({
    tensors: [
      { name: 'before', shape, type, bytes },
      { name: 'w', shape, type, bytes },
    ],
  });
  const read = readGguf(memorySource(file));
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  const expected = new Float32Array(Uint8Array.from(Buffer.from(block.values, 'base64')).buffer);
  expect(valuesOf(read.value.tensors[1])).toEqual([...expected]);
});

test('rows of one part of a fused tensor, out of each group', () => {
  const values = Float32Array.from({ length: 24 }, (_, index) => index);
  const rows = restoreRowOrder({ order: 'grouped', period: 6, first: 3, count: 2 }, 12, values);
  expect([...rows]).toEqual([6, 7, 8, 9, 18, 19, 20, 21]);
});

test('rows that rope pairs go back to where Hugging Face has them', () => {
  // Two heads of six rows, width 2: row r of the file holds [10 r, 10 r + 1].
  const values = Float32Array.from({ length: 24 }, (_, index) => 10 * (index >> 1) + (index & 1));
  const rows = restoreRowOrder({ order: 'paired', headDim: 6 }, 12, values);
  expect([...rows].filter((_, index) => index % 2 === 0).map((value) => value / 10)).toEqual([
    0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11,
  ]);
  expect([...rows.slice(2, 4)]).toEqual([20, 21]);
  expect(restoreRowOrder(undefined, 12, values)).toBe(values);
});
