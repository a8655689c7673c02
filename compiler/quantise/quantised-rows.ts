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

export function makeQuantisedRows({ n, k, outlierColumns }: LinearWeights): QuantisedRows {
  const floats = (length: number) => new Float32Array(new SharedArrayBuffer(4 * length));
  return {
    codes: new Int8Array(new SharedArrayBuffer(n * k)),
    scales: floats(n),
    reduced: floats(n),
    outlierWeights: floats(n * outlierColumns.length),
  };
}

/** The rows as a linear of its own, in memory that is not shared: not every API takes what is. */
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
