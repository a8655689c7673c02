import { shareFloats32, type Threads } from '../linear-algebra/threads.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { invertHessian } from './invert-hessian.ts';
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
 * Xᵀ · X [K, K] of the linear's inputs. Scales are those of roundToNearest. Keeps, beside what is given, one working copy of
 * `gram`, the codes, and 256 rows of errors a thread. The same bits on any number of threads.
 */
export function gptq(
  threads: Threads<QuantiseJob>,
  linear: LinearWeights,
  gram: Float64Array,
  { damping = 0.01, order = { kind: 'natural' }, sparsity = 'dense' }: GptqOptions = {},
): Result<GptqResult, QuantiseFault> {
  const { n, k, outlierColumns } = linear;
  assert(gram.length === k * k, `the Hessian is [${k}, ${k}]`);
  assert(sparsity === 'dense' || order.kind === 'natural', 'columns are pruned in their natural order');
  const fault = findWeightFault(linear);
  if (fault !== undefined) return fail(fault);
  const diagonal = Float64Array.from({ length: k }, (_, column) => gram[column * (k + 1)] ?? 0);
  const columns = orderColumns(order, diagonal, outlierColumns);
  const inverse = invertHessian(threads, gram, columns, damping);
  if (!inverse.ok) return inverse;
  const result = makeQuantisedRows(linear);
  const rows = rowsPerTask(n, threads.count);
  const job = {
    ...{ kind: 'gptq-rows' as const, result, rows, order: columns, sparsity },
    ...{ dead: Uint8Array.from(diagonal, (value) => (value === 0 ? 1 : 0)), factor: inverse.value.data },
    linear: { ...linear, weights: shareFloats32(threads, linear.weights) },
  };
  threads.run(job, Math.ceil(n / rows));
  const overflow = findOverflow(linear, result.outlierWeights);
  if (overflow !== undefined) return fail(overflow);
  return succeed({ linear: toQuantisedLinear(linear, result), damping: inverse.value.damping });
}
