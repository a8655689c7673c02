import type { ActivationDtype } from '../../ir/dtype.ts';
import { rowsOf } from '../linear-algebra/operand.ts';
import { multiply, performProduct } from '../linear-algebra/product.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { oneThread } from '../linear-algebra/threads.ts';
import { integerProduct, makeCodeRows } from '../reference/integer-product.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';

/** What a thread is given of a quantised linear: channels `from` to `to` of all rows. All buffers are shared. */
export interface OracleJob extends Omit<QuantisedLinear, 'outlierColumns'> {
  readonly dtype: ActivationDtype;
  readonly rows: number;
  /** [M, K] activation codes, 0 at outlier columns. */
  readonly xCodes: Int8Array;
  /** [M, 2] scale and minimum. */
  readonly xMeta: Float64Array;
  /** [M, F] */
  readonly xOutliers: Float64Array;
  readonly bias: Float32Array | undefined;
  /** [M, N] */
  readonly residual: Float64Array | undefined;
  /** [M, N], rounded to 16 bit. */
  readonly out: Float64Array;
  readonly from: number;
  readonly to: number;
}

/** Channels multiplied at once: their codes and the rows' are widened for it, and should stay in the cache. */
const channelsAtOnce = 64;
const rowsAtOnce = 512;

/** docs/numerics.md, 3: the integer product is exact, all else float64, and rounded once. */
export function runOracleJob(job: OracleJob): void {
  const { k, rows } = job;
  multiplyOutliers(job);
  for (let m0 = 0; m0 < rows; m0 += rowsAtOnce) {
    const m1 = Math.min(rows, m0 + rowsAtOnce);
    const tokens = widen(job.xCodes, m0, m1, k);
    for (let n0 = job.from; n0 < job.to; n0 += channelsAtOnce) {
      const n1 = Math.min(job.to, n0 + channelsAtOnce);
      const sums = integerProduct(widen(job.codes, n0, n1, k), tokens);
      finish(job, sums, tokens.rows, { m0, m1, n0, n1 });
    }
  }
}

/** The thread that has the job is one of several already. */
const alone = oneThread<ProductJob>(performProduct);

/** y becomes the sums over outlier columns. */
function multiplyOutliers({ n, rows, xOutliers, outlierWeights, out, from, to }: OracleJob): void {
  const outliers = outlierWeights.length / n;
  multiply(alone, {
    ...{ kind: 'product', how: 'replace', rows, columns: to - from, depth: outliers },
    ...{ a: rowsOf(xOutliers, outliers), b: rowsOf(outlierWeights, outliers, from) },
    out: { data: out, offset: from, rowStride: n },
  });
}

/** Rows of codes as integer products take them. */
export function widen(codes: Int8Array, first: number, end: number, k: number) {
  const wide = makeCodeRows(end - first, k);
  for (let row = first; row < end; row++)
    wide.codes.set(codes.subarray(row * k, (row + 1) * k), (row - first) * wide.stride);
  return wide;
}

interface Region {
  readonly m0: number;
  readonly m1: number;
  readonly n0: number;
  readonly n1: number;
}

/** Turns sums of code products, row-major over (n, m), into y; the outlier sums stand there already. */
function finish(job: OracleJob, sums: Int32Array, stride: number, { m0, m1, n0, n1 }: Region): void {
  const { n, bits, scales, reduced, bias, residual, xMeta, out } = job;
  const { round } = narrowFloat(job.dtype);
  const half = 2 ** (bits - 1);
  for (let m = m0; m < m1; m++) {
    const scale = xMeta[2 * m] ?? 0;
    const shift = (xMeta[2 * m + 1] ?? 0) + half * scale;
    for (let channel = n0; channel < n1; channel++) {
      const at = m * n + channel;
      const base = (sums[(channel - n0) * stride + m - m0] ?? 0) * scale * (scales[channel] ?? 0);
      const added = (bias?.[channel] ?? 0) + (residual?.[at] ?? 0);
      out[at] = round(base + shift * (reduced[channel] ?? 0) + (out[at] ?? 0) + added);
    }
  }
}
