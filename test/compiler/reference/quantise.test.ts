import { describe, expect, it } from 'vitest';
import { baseColumnsOf, outlierColumns } from '../../../compiler/reference/outlier-columns.ts';
import { quantiseRow } from '../../../compiler/reference/quantise-row.ts';
import { channelScale, quantiseWeights } from '../../../compiler/reference/quantise-weights.ts';
import { tiedWeights } from '../../support/tied-weights.ts';

describe('quantiseRow', () => {
  it('reproduces a hand-computed 4-bit row', () => {
    // z = -1, r = 3, s = 0.2: t = (x + 1) * 5
    const { codes, scale, zero } = quantiseRow([-1, 2, 0, 0.25, -0.5], 4);
    expect([scale, zero]).toEqual([Math.fround(0.2), -1]);
    expect([...codes]).toEqual([-8, 7, -3, -2, -6]); // t = 0, 15, 5, 6.25, 2.5 -> 2 (ties to even)
  });

  it('keeps integer rows exact', () => {
    const row = Array.from({ length: 256 }, (_, i) => i - 30);
    const { codes, scale, zero } = quantiseRow(row, 8);
    expect([scale, zero]).toEqual([1, -30]);
    expect(row.map((_, i) => codes[i]! + 128 + zero)).toEqual(row);
  });

  it('gives a constant row the smallest scale and the lowest code', () => {
    const { codes, scale, zero } = quantiseRow([3.5, 3.5], 4);
    expect([scale, zero, ...codes]).toEqual([2 ** -64, 3.5, -8, -8]);
  });

  it('marks rows that are not finite', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const { scale, zero } = quantiseRow([1, bad, 2], 4);
      expect([scale, zero]).toEqual([Number.NaN, Number.NaN]);
    }
  });
});

describe('quantiseWeights', () => {
  it('scales by the largest magnitude and sums its codes', () => {
    const { codes, scale, reduced } = quantiseWeights([0.7, -0.3, 0.1, -0.7, 0.05], 4);
    expect(scale).toBe(Math.fround(0.7 / 7));
    expect([...codes]).toEqual([7, -3, 1, -7, 0]); // 0.05 / fl32(0.1) = 0.5 - : 0
    expect(reduced).toBe(Math.fround(scale * -2));
  });

  it('uses the lowest code only beyond the clip', () => {
    expect([...quantiseWeights([-10, 10, -0.9], 4, { scale: 1 }).codes]).toEqual([-8, 7, -1]);
  });

  it('clips one far outlier away when that lowers the error', () => {
    const weights = Float32Array.from({ length: 512 }, (_, i) => (i === 0 ? 2 : Math.sin(i * 12.9898) * 0.5));
    const clipped = quantiseWeights(weights, 4, { clip: true });
    expect(clipped.scale).toBeLessThan(channelScale(weights, 4));
    const error = (s: { codes: Int8Array; scale: number }) =>
      weights.reduce((sum, w, i) => sum + Math.abs(w - s.scale * s.codes[i]!) ** 2.4, 0);
    expect(error(clipped)).toBeLessThan(error(quantiseWeights(weights, 4)));
    // 0.21 is the last of 80 candidates.
    expect(clipped.scale).toBeGreaterThanOrEqual(Math.fround(channelScale(weights, 4) * 0.2099));
  });

  it('takes the larger of two clipped scales with equal errors, in whatever order those are summed', () => {
    const weights = tiedWeights(64, 63);
    for (let n = 0; n < 64; n++)
      expect(quantiseWeights(weights.subarray(63 * n, 63 * n + 63), 4, { clip: true }).scale).toBe(88);
  });

  it('survives an all-zero channel', () => {
    const { codes, scale, reduced } = quantiseWeights([0, 0, 0], 8);
    expect([scale, reduced, ...codes]).toEqual([2 ** -64, 0, 0, 0, 0]);
  });
});

describe('outlierColumns', () => {
  it.each([
    [576, 8],
    [4096, 256],
    [11008, 688],
    [64, 64],
    [64, 63],
    [32, 0],
    [10, 1],
  ])('of %i picks %i distinct ascending ones', (k, count) => {
    const columns = outlierColumns(k, count, 5);
    expect(columns.length).toBe(count);
    for (let i = 1; i < count; i++) expect(columns[i]!).toBeGreaterThan(columns[i - 1]!);
    if (count > 0) expect(columns[0]).toBe(0);
    if (count > 1) expect(columns[count - 1]).toBe(k - 1);
    const all = [...columns, ...baseColumnsOf(k, columns)].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: k }, (_, i) => i));
  });

  it('has neighbours', () => {
    const columns = outlierColumns(4096, 256, 5);
    expect([...columns].filter((column, i) => columns[i + 1] === column + 1).length).toBeGreaterThanOrEqual(
      23,
    );
  });
});
