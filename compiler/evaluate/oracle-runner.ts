import type { ActivationDtype } from '../../ir/dtype.ts';
import type { QuantizeNode } from '../../ir/graph.ts';
import { type Matrix, mapRows, rowOf } from '../reference/float-model/matrix.ts';
import { type NarrowFloat, narrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { type PrologueRoundings, runPrologue } from '../reference/prologue.ts';
import { quantiseRow } from '../reference/quantise-row.ts';
import { ceilDiv } from '../support/integer.ts';
import { type EvaluatePool, noPool } from './evaluate-pool.ts';
import type { LinearOperands } from './linear-operands.ts';
import type { OracleJob } from './oracle-job.ts';
import type { QuantisedRows, SiteRunner } from './site-runner.ts';

/** The numerics of docs/numerics.md: codes as the CUDA kernel rounds them, exact integer products, all else in float64. */
export function createOracleRunner(
  dtype: ActivationDtype,
  pool: EvaluatePool = noPool,
): SiteRunner<QuantisedRows> {
  return {
    quantize: async ({ node }, x, { gamma, outlierColumns }) =>
      quantiseRows(node, runPrologues(node, x, gamma, narrowFloat(dtype)), outlierColumns),
    linear: async (_place, rows, operands, residual) => multiplyCodes(dtype, pool, rows, operands, residual),
    reveal: (rows) => rows,
    close: () => Promise.resolve(),
  };
}

/** No operation of the prologue rounds before its result does. */
const exact: PrologueRoundings = { norm: 0, silu: () => 0 };

/** Rows after a quantize's prologue, rounded to 16 bit. */
export function runPrologues(
  { k, prologue }: QuantizeNode,
  x: Matrix,
  gamma: Float32Array | undefined,
  float: NarrowFloat,
): Matrix {
  if (prologue.op === 'none') return x;
  const weights = gamma === undefined ? {} : { gamma: Float64Array.from(gamma) };
  return mapRows(x, k, (values, to) =>
    to.set(runPrologue(prologue, { values, ...weights, roundings: exact }, float).low),
  );
}

/** Codes of rows after their prologue. */
export function quantiseRows(
  { k, bits }: QuantizeNode,
  x: Matrix,
  outlierColumns: Int32Array,
): QuantisedRows {
  const base = baseColumnsOf(k, outlierColumns);
  const outlierCount = outlierColumns.length;
  const codes = new Int8Array(x.rows * k);
  const meta = new Float64Array(2 * x.rows);
  const outliers = new Float64Array(x.rows * outlierCount);
  const baseValues = new Float64Array(base.length);
  for (let row = 0; row < x.rows; row++) {
    const values = rowOf(x, row);
    for (let i = 0; i < base.length; i++) baseValues[i] = values[base[i] ?? 0] ?? 0;
    const quantised = quantiseRow(baseValues, bits);
    for (let i = 0; i < base.length; i++) codes[row * k + (base[i] ?? 0)] = quantised.codes[i] ?? 0;
    for (let f = 0; f < outlierCount; f++)
      outliers[row * outlierCount + f] = values[outlierColumns[f] ?? 0] ?? 0;
    meta.set([quantised.scale, quantised.zero], 2 * row);
  }
  return { rows: x.rows, k, codes, meta, outliers };
}

/** y of a linear from its rows' codes, whoever made them. Takes the pool's room for the rows, the residual and `y`. */
export function multiplyCodes(
  dtype: ActivationDtype,
  pool: Pick<EvaluatePool, 'threads' | 'runOracle' | 'room'>,
  { rows, codes, meta, outliers }: QuantisedRows,
  { weights: { outlierColumns: _columns, ...weights }, bias }: LinearOperands,
  residual: Matrix | undefined,
): Matrix {
  const { n } = weights;
  const { room } = pool;
  const out = room.take64('y', rows * n);
  const whole = {
    ...{ ...weights, dtype, rows, bias, out },
    xCodes: room.shareCodes('codes', codes),
    xMeta: room.share64('meta', meta),
    xOutliers: room.share64('outliers', outliers),
    residual: residual && room.share64('residual', residual.data),
  };
  const share = ceilDiv(n, pool.threads);
  const jobs = Array.from({ length: pool.threads }, (_, index): OracleJob => {
    const from = Math.min(n, index * share);
    return { ...whole, from, to: Math.min(n, from + share) };
  });
  pool.runOracle(jobs);
  return { rows, columns: n, data: Float64Array.from(out) };
}
