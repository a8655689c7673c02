import { describe, expect, test } from 'vitest';
import { dequantise } from '../../../../compiler/checkpoint/quantised/stored-codes.ts';
import { readFloats } from '../../../../compiler/checkpoint/read-floats.ts';
import type { StoredTensor } from '../../../../compiler/checkpoint/stored-tensor.ts';
import { openCase, readFixture } from './read-fixture.ts';

const cases = readFixture();

function bytesOf({ source, offset, bytes }: StoredTensor): Buffer {
  const read = source.read(offset, bytes);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return Buffer.from(read.value);
}

function opened(name: string) {
  const given = cases.get(name)!;
  const result = openCase(given, given.config);
  if (!result.ok) throw new Error(JSON.stringify(result.error, null, 1));
  return { ...result.value, expected: given.expected };
}

test('there are linears of every library', () => {
  const counts = ['gptq-v1', 'gptq-v2', 'auto-gptq', 'awq', 'ct-pack', 'ct-int', 'ct-naive', 'ct-g-idx'].map(
    (prefix) => [...cases.keys()].filter((name) => name.startsWith(prefix)).length,
  );
  expect(counts).toEqual([10, 10, 5, 3, 10, 4, 1, 1]);
});

describe.each([...cases.keys()])('%s', (name) => {
  test('every bit as its library dequantises it, read as any other tensor', () => {
    const { tensors, expected, warnings } = opened(name);
    expect(warnings).toEqual([]);
    expect([...tensors.keys()]).toEqual(['x.weight']);
    const weight = tensors.get('x.weight')!;
    expect([weight.format.name, weight.shape]).toEqual([expected.format.name, expected.shape]);
    expect(bytesOf(weight).equals(bytesOf(expected))).toBe(true);
    const [values, wanted] = [readFloats(weight), readFloats(expected)];
    if (!values.ok || !wanted.ok) throw new Error('not read');
    expect(Buffer.from(values.value.buffer).equals(Buffer.from(wanted.value.buffer))).toBe(true);
  });

  test('the same from its codes', () => {
    const { linears, expected } = opened(name);
    const stored = linears.get('x')!.read();
    const wanted = readFloats(expected);
    if (!stored.ok || !wanted.ok) throw new Error('not read');
    const { bits, codes, n, k, groups, scales, zeros } = stored.value;
    expect([codes.length, scales.length, zeros.length]).toEqual([n * k, n * groups, n * groups]);
    expect(Math.max(...codes)).toBeLessThan(2 ** bits);
    expect(dequantise(stored.value)).toEqual(wanted.value);
  });
});

test('a part of a weight', () => {
  const { tensors, expected } = opened('awq-32');
  const weight = tensors.get('x.weight')!;
  const part = weight.source.read(100, 60);
  if (!part.ok) throw new Error('not read');
  expect(Buffer.from(part.value).equals(bytesOf(expected).subarray(100, 160))).toBe(true);
});
