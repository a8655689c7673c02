import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import type { LinearWeights } from './linear-weights.ts';

/** What threads write of a quantised linear, each its own rows; in shared memory. */
export interface QuantisedRows {
  /** [N, K], K in its natural order; 0 in outlier columns. */
  readonly codes: Int8Array;
  /** [N] */
  readonly scales: Float32Array;
  /** [N] */
  readonly reduced: Float32Array;
  /** [N, F] */
  readonly outlierWeights: Float32Array;
}

/** Takes the threads' room for `codes`, `scales`, `reduced` and `outlier weights`. */
export function makeQuantisedRows(
  { room }: Threads<never>,
  { n, k, outlierColumns }: LinearWeights,
): QuantisedRows {
  return {
    // What the last linear left there would stand in outlier columns, which nobody writes.
    codes: new Int8Array(room.take('codes', n * k), 0, n * k).fill(0),
    scales: room.take32('scales', n),
    reduced: room.take32('reduced', n),
    outlierWeights: room.take32('outlier weights', n * outlierColumns.length),
  };
}

/** The rows as a linear of its own, in memory that is not shared: the room is for the next one, and not every API takes what is. */
export function toQuantisedLinear(linear: LinearWeights, rows: QuantisedRows): QuantisedLinear {
  const { bits, n, k, outlierColumns } = linear;
  return {
    ...{ bits, n, k, outlierColumns: Int32Array.from(outlierColumns) },
    codes: Int8Array.from(rows.codes),
    scales: Float32Array.from(rows.scales),
    reduced: Float32Array.from(rows.reduced),
    outlierWeights: Float32Array.from(rows.outlierWeights),
  };
}

/** Rows of a task: a multiple of four, at most 256 (their errors stay in the second cache), and as many tasks for each thread. */
export function rowsPerTask(n: number, threads: number): number {
  const rounds = Math.max(1, Math.ceil(n / (256 * threads)));
  return Math.max(4, Math.ceil(n / (rounds * threads) / 4) * 4);
}
