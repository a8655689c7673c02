import type { ActivationDtype } from '../../ir/dtype.ts';
import { rowsOf } from '../linear-algebra/operand.ts';
import { multiply } from '../linear-algebra/product.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { quantiseRow } from '../reference/quantise-row.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { type Result, succeed } from '../support/result.ts';
import type { QuantiseFault } from './linear-weights.ts';
import type { QuantiseJob } from './perform-quantise.ts';
import { roundToNearest } from './round-to-nearest.ts';

/** Rows that enter a linear, and some of its channels. */
export interface OutputSample {
  /** [R, K] row-major. */
  readonly rows: Float64Array;
  /** [C, K] row-major. */
  readonly weights: Float32Array;
  readonly channels: number;
  readonly k: number;
  readonly dtype: ActivationDtype;
  readonly clip: boolean;
}

export interface OutputCandidate {
  readonly bits: 4 | 8;
  /** Ascending, distinct. */
  readonly outlierColumns: Int32Array;
}

/**
 * What each candidate's outputs are off by: |y - ŷ|² / |y|² of a row, averaged over rows, so that rows of massive activations count
 * as any other. Weights are rounded to the nearest code, activations row by row, as kernels do; sums are float64.
 */
export function outputErrors(
  threads: Threads<QuantiseJob>,
  sample: OutputSample,
  candidates: readonly OutputCandidate[],
): Result<readonly number[], QuantiseFault> {
  const { weights, channels, k, dtype, clip } = sample;
  const { round } = narrowFloat(dtype);
  const rows = sample.rows.map(round);
  const exact = multiplyAll(threads, rows, Float64Array.from(weights), k).slice();
  const errors: number[] = [];
  for (const { bits, outlierColumns } of candidates) {
    const made = roundToNearest(threads, { weights, n: channels, k, outlierColumns, bits, clip, dtype });
    if (!made.ok) return made;
    const off = multiplyAll(threads, roundRows(rows, k, bits, outlierColumns), weightsOf(made.value), k);
    errors.push(meanError(exact, off, channels));
  }
  return succeed(errors);
}

/** X̂ [R, K]: base columns as their codes stand for them, outlier columns as they are. */
function roundRows(rows: Float64Array, k: number, bits: 4 | 8, outlierColumns: Int32Array): Float64Array {
  const base = baseColumnsOf(k, outlierColumns);
  const rounded = rows.slice();
  const half = 2 ** (bits - 1);
  const values = new Float64Array(base.length);
  for (let from = 0; from < rows.length; from += k) {
    base.forEach((column, index) => {
      values[index] = rows[from + column] ?? 0;
    });
    const { codes, scale, zero } = quantiseRow(values, bits);
    base.forEach((column, index) => {
      rounded[from + column] = scale * ((codes[index] ?? 0) + half) + zero;
    });
  }
  return rounded;
}

/** Ŵ [N, K] */
function weightsOf({ n, k, codes, scales, outlierColumns, outlierWeights }: QuantisedLinear): Float64Array {
  const weights = new Float64Array(n * k);
  for (let at = 0; at < n * k; at++) weights[at] = (scales[Math.floor(at / k)] ?? 0) * (codes[at] ?? 0);
  for (let row = 0; row < n; row++)
    outlierColumns.forEach((column, index) => {
      weights[row * k + column] = outlierWeights[row * outlierColumns.length + index] ?? 0;
    });
  return weights;
}

/** [R, C] = a [R, K] · b [C, K]ᵀ, until the next. Takes the threads' room for `left`, `right` and `product`. */
function multiplyAll(
  threads: Threads<QuantiseJob>,
  a: Float64Array,
  b: Float64Array,
  k: number,
): Float64Array {
  const [rows, columns] = [a.length / k, b.length / k];
  const { room } = threads;
  const [left, right] = [room.share64('left', a), room.share64('right', b)];
  const data = room.take64('product', rows * columns);
  multiply(threads, {
    ...{ kind: 'product', how: 'replace', rows, columns, depth: k },
    ...{ a: rowsOf(left, k), b: rowsOf(right, k), out: { data, offset: 0, rowStride: columns } },
  });
  return data;
}

function meanError(exact: Float64Array, off: Float64Array, channels: number): number {
  let sum = 0;
  let count = 0;
  for (let from = 0; from < exact.length; from += channels) {
    let [error, size] = [0, 0];
    for (let at = from; at < from + channels; at++) {
      error += ((exact[at] ?? 0) - (off[at] ?? 0)) ** 2;
      size += (exact[at] ?? 0) ** 2;
    }
    if (size === 0) continue;
    sum += error / size;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
