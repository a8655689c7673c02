import { expect, test } from 'vitest';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import { outputErrors } from '../../../compiler/quantise/output-errors.ts';
import { performQuantise } from '../../../compiler/quantise/perform-quantise.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { baseColumnsOf } from '../../../compiler/reference/outlier-columns.ts';
import { quantiseLinear } from '../../../compiler/reference/quantise-linear.ts';
import { quantiseRow } from '../../../compiler/reference/quantise-row.ts';
import { randomBell } from '../../../compiler/reference/random.ts';

const [rows, n, k] = [3, 5, 24];
const weights = Float32Array.from({ length: n * k }, (_, i) => Math.fround(0.1 * randomBell(1, i)));
// A large column; another row a thousand times as large as the rest.
const x = Float64Array.from(
  { length: rows * k },
  (_, i) => randomBell(2, i) * (i % k === 7 ? 50 : 1) * (i < k ? 1000 : 1),
);

/** The kernels' own formula: integer sums, scales, and what the row's minimum adds (docs/numerics.md, 3). */
function expected(bits: 4 | 8, outlierColumns: Int32Array, clip: boolean): number {
  const { round } = narrowFloat('f16');
  const linear = quantiseLinear({ n, k, weights, outlierColumns }, { bits, dtype: 'f16', clip });
  const base = baseColumnsOf(k, outlierColumns);
  let sum = 0;
  for (let m = 0; m < rows; m++) {
    const row = x.slice(m * k, (m + 1) * k).map(round);
    const { codes, scale, zero } = quantiseRow(
      [...base].map((column) => row[column]!),
      bits,
    );
    let [error, size] = [0, 0];
    for (let channel = 0; channel < n; channel++) {
      let [float, acc, kept] = [0, 0, 0];
      row.forEach((value, column) => {
        float += value * weights[channel * k + column]!;
      });
      base.forEach((column, i) => {
        acc += codes[i]! * linear.codes[channel * k + column]!;
      });
      outlierColumns.forEach((column, i) => {
        kept += row[column]! * linear.outlierWeights[channel * outlierColumns.length + i]!;
      });
      const y =
        acc * scale * linear.scales[channel]! +
        (zero + 2 ** (bits - 1) * scale) * linear.reduced[channel]! +
        kept;
      error += (y - float) ** 2;
      size += float ** 2;
    }
    sum += error / size;
  }
  return sum / rows;
}

test.each([true, false])("is what the kernels' formula is off by, row by row (clip: %s)", (clip) => {
  const candidates = ([4, 8] as const).flatMap((bits) =>
    [[], [7], [2, 7, 9]].map((columns) => ({ bits, outlierColumns: Int32Array.from(columns) })),
  );
  const sample = { rows: x, weights, channels: n, k, dtype: 'f16' as const, clip };
  const errors = outputErrors(oneThread(performQuantise), sample, candidates);
  if (!errors.ok) throw new Error(errors.error.kind);
  candidates.forEach(({ bits, outlierColumns }, at) => {
    const wanted = expected(bits, outlierColumns, clip);
    // R is an FP32 number, s_w times the sum of codes: 2^-24 of a part of y.
    expect(Math.abs(errors.value[at]! / wanted - 1)).toBeLessThan(1e-3);
  });
});

test('a weight that is no number is told', () => {
  const broken = weights.slice();
  broken[30] = Number.NaN;
  const sample = { rows: x, weights: broken, channels: n, k, dtype: 'f16' as const, clip: false };
  const errors = outputErrors(oneThread(performQuantise), sample, [
    { bits: 4, outlierColumns: new Int32Array(0) },
  ]);
  expect(errors).toEqual({ ok: false, error: { kind: 'weights-not-finite', channel: 1, column: 6 } });
});
