import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type InverseFactor, invertHessian } from './invert-hessian.ts';
import { findOverflow, findWeightFault, type LinearWeights, type QuantiseFault } from './linear-weights.ts';
import { type ColumnOrder, orderColumns } from './order-columns.ts';
import type { QuantiseJob } from './perform-quantise.ts';
import type { Sparsity } from './prune-group.ts';
import { makeQuantisedRows, rowsPerTask, toQuantisedLinear } from './quantised-rows.ts';

export interface GptqOptions {
  /** Added to the Hessian's diagonal, as a part of its mean; 0.01 unless given. Raised where it does not suffice. */
  readonly damping?: number;
  /**
   * In which order base columns are rounded: as they are; by ascending score, as QUIK does, so that what matters most is corrected
   * longest; by descending diagonal of the Hessian, so that what matters most is rounded first.
   */
  readonly order?: ColumnOrder;
  /** With pruning, columns are rounded in their natural order: groups are of neighbours. */
  readonly sparsity?: Sparsity;
}

export interface GptqResult {
  readonly linear: QuantisedLinear;
  /** That which sufficed. */
  readonly damping: number;
}

/**
 * GPTQ with outlier columns last (QUIK), and SparseGPT's pruning in the same pass: base columns are rounded one after the other, and each
 * error is made up for by the columns that come after it; outlier columns make up for all and are only rounded to 16 bits. `gram` is
 * Xᵀ · X [K, K] of the linear's inputs. Scales are those of roundToNearest. The same bits on any number of threads. Takes the threads'
 * room for `hessian` and what {@link factoriseHessian} and {@link roundByFactor} take.
 */
export function gptq(
  threads: Threads<QuantiseJob>,
  linear: LinearWeights,
  gram: Float64Array,
  options: GptqOptions = {},
): Result<GptqResult, QuantiseFault> {
  const fault = findWeightFault(linear);
  if (fault !== undefined) return fail(fault);
  const hessian = threads.room.take64('hessian', gram.length);
  hessian.set(gram);
  const factor = factoriseHessian(threads, hessian, linear.outlierColumns, options);
  if (!factor.ok) return factor;
  const rounded = roundByFactor(threads, linear, factor.value, options.sparsity);
  return rounded.ok ? succeed({ linear: rounded.value, damping: factor.value.damping }) : rounded;
}

/**
 * What GPTQ needs to know of the inputs of all linears that read one value and keep the same outlier columns. `gram` is used up: the
 * factor takes its place, and only that and blocks of 128 columns are in memory. Takes the threads' room for `panel` and `block`.
 */
export function factoriseHessian(
  threads: Threads<QuantiseJob>,
  gram: Float64Array,
  outlierColumns: Int32Array,
  { damping = 0.01, order = { kind: 'natural' }, sparsity = 'dense' }: GptqOptions = {},
): Result<InverseFactor, QuantiseFault> {
  const k = Math.round(Math.sqrt(gram.length));
  assert(gram.length === k * k, 'the Hessian is [K, K]');
  assert(sparsity === 'dense' || order.kind === 'natural', 'columns are pruned in their natural order');
  const diagonal = Float64Array.from({ length: k }, (_, column) => gram[column * (k + 1)] ?? 0);
  return invertHessian(threads, gram, orderColumns(order, diagonal, outlierColumns), damping);
}

/**
 * A linear's codes, by the factor of its outlier columns. Keeps, beside what is given, the codes, and 256 rows of errors a thread.
 * Takes the threads' room for `weights` and what makeQuantisedRows takes.
 */
export function roundByFactor(
  threads: Threads<QuantiseJob>,
  linear: LinearWeights,
  { data: factor, order, dead }: InverseFactor,
  sparsity: Sparsity = 'dense',
): Result<QuantisedLinear, QuantiseFault> {
  const fault = findWeightFault(linear);
  if (fault !== undefined) return fail(fault);
  assert(order.length === linear.k, `the Hessian is [${linear.k}, ${linear.k}]`);
  const result = makeQuantisedRows(threads, linear);
  const rows = rowsPerTask(linear.n, threads.count);
  const weights = threads.room.share32('weights', linear.weights);
  const job = { result, rows, order, dead, factor, sparsity, linear: { ...linear, weights } };
  threads.run({ kind: 'gptq-rows', ...job }, Math.ceil(linear.n / rows));
  const overflow = findOverflow(linear, result.outlierWeights);
  return overflow === undefined ? succeed(toQuantisedLinear(linear, result)) : fail(overflow);
}
