import { narrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { quantiseWeights } from '../reference/quantise-weights.ts';
import { scaleOf } from './channel-scale.ts';
import type { LinearWeights } from './linear-weights.ts';
import type { QuantisedRows } from './quantised-rows.ts';

/** Rounds rows to the nearest code; a task does `rows` of them. */
export interface RoundRowsJob {
  readonly kind: 'round-rows';
  readonly linear: LinearWeights;
  readonly result: QuantisedRows;
  readonly rows: number;
}

export function performRoundRows({ linear, result, rows }: RoundRowsJob, task: number): void {
  const { weights, n, k, outlierColumns, bits, clip, dtype } = linear;
  const { round } = narrowFloat(dtype);
  const base = baseColumnsOf(k, outlierColumns);
  const values = new Float32Array(base.length);
  for (let channel = task * rows; channel < Math.min(n, (task + 1) * rows); channel++) {
    const row = weights.subarray(channel * k, (channel + 1) * k);
    base.forEach((column, index) => {
      values[index] = row[column] ?? 0;
    });
    const quantised = quantiseWeights(values, bits, { scale: scaleOf(values, bits, clip) });
    base.forEach((column, index) => {
      result.codes[channel * k + column] = quantised.codes[index] ?? 0;
    });
    result.scales[channel] = quantised.scale;
    result.reduced[channel] = quantised.reduced;
    outlierColumns.forEach((column, index) => {
      result.outlierWeights[channel * outlierColumns.length + index] = round(row[column] ?? 0);
    });
  }
}
