import { describe, expect, test } from 'vitest';
import { readQuantisedLinear } from '../../../compiler/checkpoint/read-quantised-linear.ts';
import { readSafetensors } from '../../../compiler/checkpoint/read-safetensors.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { quantiseLinear } from '../../../compiler/reference/quantise-linear.ts';
import { memorySource } from '../checkpoint/memory-source.ts';
import { type RawTensor, writeSafetensors } from '../checkpoint/write-safetensors.ts';
import { quantisedTensors } from './quantised-tensors.ts';

const name = 'layers.3.mlp.up_proj';
const weights = Float32Array.from({ length: 3 * 7 }, (_, i) => narrowFloat('f16').round(Math.sin(i * 7) * 3));
const made = (bits: 4 | 8) =>
  quantiseLinear({ n: 3, k: 7, weights, outlierColumns: Int32Array.of(1, 6) }, { bits, dtype: 'f16' });

function read(
  bits: 4 | 8,
  change: (tensors: Record<string, RawTensor>) => void = () => {},
  asked: { readonly outlierColumns?: Int32Array | undefined; readonly n?: number } = {},
) {
  const tensors: Record<string, RawTensor> = quantisedTensors(name, made(bits), 'f16');
  change(tensors);
  const file = readSafetensors(memorySource(writeSafetensors(tensors, { format: 'quikc-quantised-1' })));
  if (!file.ok) throw new Error(JSON.stringify(file.error));
  const expected = { name, n: 3, k: 7, bits, outliers: 2, outlierColumns: Int32Array.of(1, 6), ...asked };
  return readQuantisedLinear(new Map(file.value.map((tensor) => [tensor.name, tensor])), expected, 'folder');
}

test.each([4, 8] as const)('%d bit: what was written is what is read', (bits) => {
  expect(read(bits)).toEqual({ ok: true, value: made(bits) });
  expect(read(bits, undefined, { outlierColumns: undefined })).toEqual({ ok: true, value: made(bits) });
});

test('the low nibble is the code of the even column', () => {
  const linear = { ...made(4), codes: new Int8Array(21), reduced: new Float32Array(3) };
  linear.codes.set([-8, 0, 7, 1]);
  const { [`${name}.codes`]: codes } = quantisedTensors(name, linear, 'f16');
  expect([...codes!.bytes.subarray(0, 4)]).toEqual([0x08, 0x17, 0, 0]);
});

describe('what does not fit is refused', () => {
  const part = (tensors: Record<string, RawTensor>, of: string) => tensors[`${name}.${of}`]!;
  const change = (of: string, field: Partial<RawTensor>) => (tensors: Record<string, RawTensor>) => {
    tensors[`${name}.${of}`] = { ...part(tensors, of), ...field };
  };
  const int32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
  test.each<[string, string, Parameters<typeof read>[1]]>([
    ['a tensor that is missing', 'QK157', (tensors) => delete tensors[`${name}.reduced`]],
    ['another dtype', 'QK192', change('codes', { dtype: 'I8' })],
    ['another shape', 'QK192', change('scales', { shape: [1, 3] })],
    ['columns that are not sorted', 'QK192', change('outlier_columns', { bytes: int32(6, 1) })],
    ['a column twice', 'QK192', change('outlier_columns', { bytes: int32(1, 1) })],
    ['a column beyond K', 'QK192', change('outlier_columns', { bytes: int32(1, 7) })],
    ['other columns than the model lists', 'QK193', change('outlier_columns', { bytes: int32(1, 5) })],
    ['a sum that is not of these codes', 'QK192', change('reduced', { bytes: new Uint8Array(12) })],
    ['a code at an outlier column', 'QK192', (tensors) => part(tensors, 'codes').bytes.set([0x11], 0)],
  ])('%s', (_, code, plant) => {
    const result = read(4, plant);
    expect(result.ok ? 'read' : result.error.code).toBe(code);
  });

  test('a layer of another size', () => {
    const result = read(4, undefined, { n: 4 });
    expect(result.ok ? 'read' : result.error).toMatchObject({ code: 'QK192', expected: 'U8 [4, 4]' });
  });
});
