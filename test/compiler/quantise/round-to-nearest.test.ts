import { describe, expect, test } from 'vitest';
import { chooseOutlierColumns, outlierCount } from '../../../compiler/quantise/choose-outlier-columns.ts';
import { quadraticLoss } from '../../../compiler/quantise/quadratic-loss.ts';
import { roundToNearest } from '../../../compiler/quantise/round-to-nearest.ts';
import { columnMetaStride, paddedBase, paddedOutliers } from '../../../compiler/reference/layouts.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { baseColumnsOf } from '../../../compiler/reference/outlier-columns.ts';
import { packBlocks, packCodes } from '../../../compiler/reference/pack-codes.ts';
import { packQuik } from '../../../compiler/reference/pack-quik.ts';
import type { QuantisedLinear } from '../../../compiler/reference/quantised-linear.ts';
import { exampleGram, exampleInputs, exampleLinear, threads, unwrap } from './example-linear.ts';

describe('outlier columns', () => {
  test('those of the largest scores, ascending; of equal ones the lower', () => {
    const score = Float32Array.of(2, 9, 4, 4, 0, 4, 9);
    expect([...chooseOutlierColumns(score, 3)]).toEqual([1, 2, 6]);
    expect([...chooseOutlierColumns(score, 5)]).toEqual([1, 2, 3, 5, 6]);
    expect([...chooseOutlierColumns(score, 0)]).toEqual([]);
    expect([...chooseOutlierColumns(score, 7)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const large = Float32Array.from({ length: 11 }, (_, column) => column);
    expect([...chooseOutlierColumns(large, 2)]).toEqual([9, 10]);
    expect(() => chooseOutlierColumns(Float32Array.of(1, Number.NaN), 1)).toThrow('every column has a score');
  });

  test('none where no score is above the threshold, which is twice as high at 8 bits', () => {
    const score = Float32Array.of(1, 4, 3);
    expect([3.9, 4, 8].map((threshold) => outlierCount(score, 2, threshold, 4))).toEqual([2, 0, 0]);
    expect([1.9, 2, 4].map((threshold) => outlierCount(score, 2, threshold, 8))).toEqual([2, 0, 0]);
    expect(outlierCount(new Float32Array(3), 2, 0, 4)).toBe(0);
  });
});

/** The arguments of a linear kernel, of codes that are there already. */
function pack({ bits, n, k, codes, outlierColumns, outlierWeights }: QuantisedLinear) {
  const base = baseColumnsOf(k, outlierColumns);
  const padded = paddedBase(base.length, bits);
  const f = outlierColumns.length;
  const rows = Array.from({ length: n }, (_, row) => {
    const outliers = new Uint16Array(paddedOutliers(f));
    for (let i = 0; i < f; i++) outliers[i] = narrowFloat('bf16').encode(outlierWeights[row * f + i]!);
    return {
      codes: packCodes(
        Int8Array.from(base, (column) => codes[row * k + column]!),
        padded,
        bits,
      ),
      outliers: new Uint8Array(outliers.buffer),
    };
  });
  return {
    weights: packBlocks(
      rows.map((row) => row.codes),
      padded,
      bits,
    ),
    outlierWeights: packBlocks(
      rows.map((row) => row.outliers),
      paddedOutliers(f),
      16,
    ),
  };
}

test.each([
  { bits: 4, clip: true },
  { bits: 8, clip: false },
] as const)(
  'rounding to the nearest is what the reference packer does: $bits bits, clip $clip',
  ({ bits, clip }) => {
    const linear = exampleLinear(21, 70, 5, { bits, clip, dtype: 'bf16' });
    const got = unwrap(roundToNearest(threads, linear));
    const expected = packQuik(linear, { bits, clip, dtype: 'bf16', columns: 'compact' });
    expect(pack(got)).toEqual({ weights: expected.weights, outlierWeights: expected.outlierWeights });
    const meta = new DataView(expected.columnMeta.buffer);
    for (let row = 0; row < 21; row++) {
      expect(got.scales[row]).toBe(meta.getFloat32(row * columnMetaStride, true));
      expect(got.reduced[row]).toBe(meta.getFloat32(row * columnMetaStride + 4, true));
      for (const column of linear.outlierColumns) expect(got.codes[row * 70 + column]).toBe(0);
    }
    expect(got.codes.buffer).toBeInstanceOf(ArrayBuffer);
  },
);

test('the quadratic loss is the sum of squares of what outputs are off by', () => {
  const [n, k, tokens] = [300, 24, 50];
  const linear = exampleLinear(n, k, 3);
  const x = exampleInputs(k, tokens);
  const got = unwrap(roundToNearest(threads, linear));
  let expected = 0;
  for (let row = 0; row < n; row++) {
    for (let token = 0; token < tokens; token++) {
      let off = 0;
      for (let i = 0; i < k; i++) {
        const outlier = linear.outlierColumns.indexOf(i);
        const weight =
          outlier < 0 ? got.scales[row]! * got.codes[row * k + i]! : got.outlierWeights[row * 3 + outlier]!;
        off += x[token * k + i]! * (linear.weights[row * k + i]! - weight);
      }
      expected += off ** 2;
    }
  }
  const loss = quadraticLoss(threads, linear.weights, got, exampleGram(k, tokens));
  expect(Math.abs(loss / expected - 1)).toBeLessThan(1e-12);
});
