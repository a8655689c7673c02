import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { findOverflow, findWeightFault, type LinearWeights, type QuantiseFault } from './linear-weights.ts';
import type { QuantiseJob } from './perform-quantise.ts';
import { makeQuantisedRows, rowsPerTask, toQuantisedLinear } from './quantised-rows.ts';

/**
 * Each weight's nearest code, by the scale of its channel's base columns: what packQuik makes of the same weights. Takes the threads'
 * room for `weights` and what makeQuantisedRows takes.
 */
export function roundToNearest(
  threads: Threads<QuantiseJob>,
  linear: LinearWeights,
): Result<QuantisedLinear, QuantiseFault> {
  const fault = findWeightFault(linear);
  if (fault !== undefined) return fail(fault);
  const result = makeQuantisedRows(threads, linear);
  const rows = rowsPerTask(linear.n, threads.count);
  const shared = { ...linear, weights: threads.room.share32('weights', linear.weights) };
  threads.run({ kind: 'round-rows', linear: shared, result, rows }, Math.ceil(linear.n / rows));
  const overflow = findOverflow(linear, result.outlierWeights);
  return overflow === undefined ? succeed(toQuantisedLinear(linear, result)) : fail(overflow);
}
