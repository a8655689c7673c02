import { expect, test } from 'vitest';
import { openWeights, type WeightOptions } from '../../../compiler/checkpoint/open-weights.ts';
import { readGguf } from '../../../compiler/checkpoint/read-gguf.ts';
import { memorySource } from './memory-source.ts';
import { writeGguf } from './write-gguf.ts';

const values = Float32Array.of(1, 2, 3, 4 + 2 ** -20);
const source = memorySource(
  writeGguf({
    tensors: [{ name: 'blk.7.w', shape: [4, 1], type: 0, bytes: new Uint8Array(values.buffer) }],
  }),
);

function open(options: WeightOptions = {}) {
  const read = readGguf(source);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return openWeights(new Map(read.value.tensors.map((tensor) => [tensor.name, tensor])), 'folder', options);
}

test('a weight by its layer, in the order of rows that is asked for, read once', () => {
  const read = open();
  const plain = read({ tensor: 'blk.{layer}.w' }, 7);
  expect(plain.ok && [...plain.value]).toEqual([...values]);
  const rows = { order: 'paired' as const, headDim: 4 };
  const paired = read({ tensor: 'blk.{layer}.w', rows }, 7);
  expect(paired.ok && [...paired.value]).toEqual([1, 3, 2, values[3]]);
  const before = source.asked.reads;
  const again = read({ tensor: 'blk.{layer}.w', rows }, 7);
  expect(again.ok && paired.ok && again.value === paired.value).toBe(true);
  expect(source.asked.reads).toBe(before);
});

test('read again where nothing is kept', () => {
  const read = open({ keep: false });
  const once = read({ tensor: 'blk.7.w' }, 0);
  const again = read({ tensor: 'blk.7.w' }, 0);
  expect(once.ok && again.ok && once.value !== again.value).toBe(true);
  expect(again).toEqual(once);
});

test('rounded to a format where that is asked for', () => {
  const read = open({ dtype: 'f16' })({ tensor: 'blk.7.w' }, 0);
  expect(read.ok && [...read.value]).toEqual([1, 2, 3, 4]);
});

test('a tensor that is not there is a fault', () => {
  const read = open()({ tensor: 'blk.{layer}.w' }, 8);
  expect(read.ok ? '' : `${read.error.code} ${read.error.message}`).toBe(
    'QK157 there is no tensor "blk.8.w"',
  );
});
