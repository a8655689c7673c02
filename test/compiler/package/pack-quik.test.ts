import { describe, expect, it } from 'vitest';
import { unpackBlocks, unpackCodes } from '../../../compiler/reference/pack-codes.ts';
import { packQuik } from '../../../compiler/reference/pack-quik.ts';

function sample(n: number, k: number, outliers: number[]) {
  const weights = Float32Array.from({ length: n * k }, (_, i) => Math.sin(i * 12.9898 + 1) ** 3 / 7);
  weights.fill(0, k, 2 * k); // one all-zero channel
  const bias = Float32Array.from({ length: n }, (_, i) => Math.cos(i));
  return { n, k, weights, outlierColumns: Int32Array.from(outliers), bias };
}

describe('packQuik', () => {
  it('quantises base columns only, and keeps outliers in 16 bit', () => {
    const linear = sample(19, 70, [0, 5, 6, 69]);
    const packed = packQuik(linear, { bits: 4, dtype: 'f16', columns: 'compact' });
    expect(packed.weights.length).toBe(32 * 64); // 66 base columns: two blocks of 64
    expect(packed.outlierWeights.length).toBe(32 * 32);
    const meta = new Float32Array(packed.columnMeta.buffer);
    const codes = unpackCodes(unpackBlocks(packed.weights, 19, 128, 4)[3]!, 128, 4);
    let most = 0;
    let sum = 0;
    for (let c = 1, i = 0; c < 69; c++) {
      if (c === 5 || c === 6) continue;
      const w = linear.weights[3 * 70 + c]!;
      most = Math.max(most, Math.abs(w));
      expect(Math.abs(codes[i]! * meta[12]! - w)).toBeLessThanOrEqual(0.5001 * meta[12]!);
      sum += codes[i++]!;
    }
    expect(meta[12]).toBe(Math.fround(most / 7));
    expect(meta[13]).toBe(Math.fround(meta[12]! * sum));
    expect(meta[14]).toBe(linear.bias[3]);
    expect([...codes.subarray(66)].every((code) => code === 0)).toBe(true);
    expect([...meta.subarray(19 * 4)].every((value) => value === 0)).toBe(true);
  });

  it('keeps columns in place with code 0 at outliers', () => {
    const linear = sample(16, 70, [0, 5, 6, 69]);
    const place = unpackCodes(
      unpackBlocks(packQuik(linear, { bits: 8, dtype: 'f16', columns: 'in-place' }).weights, 16, 96, 8)[4]!,
      70,
      8,
    );
    const compact = unpackCodes(
      unpackBlocks(packQuik(linear, { bits: 8, dtype: 'f16', columns: 'compact' }).weights, 16, 96, 8)[4]!,
      66,
      8,
    );
    expect([0, 5, 6, 69].map((column) => place[column])).toEqual([0, 0, 0, 0]);
    expect([...place].filter((_, column) => ![0, 5, 6, 69].includes(column))).toEqual([...compact]);
  });
});
