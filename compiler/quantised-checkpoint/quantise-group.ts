import type { ActivationDtype } from '../../ir/dtype.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { chooseOutlierColumns, outlierCount } from '../quantise/choose-outlier-columns.ts';
import { gptq } from '../quantise/gptq.ts';
import type { QuantiseFault } from '../quantise/linear-weights.ts';
import type { ColumnOrder } from '../quantise/order-columns.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { roundToNearest } from '../quantise/round-to-nearest.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { PlannedGroup, PlannedLinear } from './plan-quantisation.ts';

/** How codes are made. */
export interface QuantiseMethod {
  readonly method: 'rtn' | 'gptq';
  /** GPTQ: a part of the Hessian's mean diagonal. */
  readonly damping: number;
  /** GPTQ: in which order columns are rounded. */
  readonly order: ColumnOrder['kind'];
  /** Which tokens' max |x| ranks columns: those after the first of each window, or all. */
  readonly score: 'rest' | 'all';
  /** Lets each layer see what became of those before it, as GPTQ does; else all see the float model's inputs. */
  readonly propagate: boolean;
  /** A linear none of whose inputs exceeds it keeps no outlier columns; twice that at 8 bits (QUIK's T). */
  readonly threshold: number;
}

export interface QuantiseMeans {
  readonly dtype: ActivationDtype;
  readonly read: ReadWeight<Diagnostic>;
  readonly threads: Threads<QuantiseJob>;
}

export interface NamedLinear {
  readonly name: string;
  readonly linear: QuantisedLinear;
}

/**
 * Quantises the linears that read one value: their outlier columns are the largest of one ranking, by max |x|. Faults: of weights, QK181 to QK183.
 */
export function quantiseGroup(
  { linears }: PlannedGroup,
  layer: number,
  statistics: LinearStatistics,
  method: QuantiseMethod,
  means: QuantiseMeans,
): Result<readonly NamedLinear[], Diagnostic> {
  const done: NamedLinear[] = [];
  for (const planned of linears) {
    const weights = means.read(planned.weight, layer);
    if (!weights.ok) return weights;
    const made = quantiseLinear(planned, weights.value, statistics, method, means);
    if (!made.ok) return fail(describeFault(planned.name, made.error));
    done.push({ name: planned.name, linear: made.value });
  }
  return succeed(done);
}

function quantiseLinear(
  { n, k, bits, clip, sparsity, columns, outliers }: PlannedLinear,
  weights: Float32Array,
  { absMaxRest, absMax, gram }: LinearStatistics,
  { method, damping, order: kind, score: tokens, threshold }: QuantiseMethod,
  { dtype, threads }: QuantiseMeans,
): Result<QuantisedLinear, QuantiseFault> {
  const score = scoreOf({ absMaxRest, absMax }, tokens);
  const outlierColumns =
    columns ?? chooseColumnsOf({ absMaxRest, absMax }, outliers, { score: tokens, threshold }, bits);
  const linear = { weights, n, k, outlierColumns, bits, clip, dtype };
  if (method === 'rtn') return roundToNearest(threads, linear);
  assert(gram !== undefined, 'GPTQ has the products of its columns');
  const order: ColumnOrder = kind === 'score' ? { kind, score } : { kind };
  const natural: ColumnOrder = { kind: 'natural' };
  const options = { damping, order: sparsity === 'dense' ? order : natural, sparsity };
  const made = gptq(threads, linear, gram, options);
  return made.ok ? succeed(made.value.linear) : made;
}

/** By which columns are ranked. Windows of one token have nothing but first ones. */
function scoreOf({ absMaxRest, absMax }: LinearStatistics, tokens: QuantiseMethod['score']): Float32Array {
  return tokens === 'rest' && absMaxRest.some((size) => size > 0) ? absMaxRest : absMax;
}

/** Those of the largest inputs; none where no input exceeds the threshold. */
export function chooseColumnsOf(
  statistics: LinearStatistics,
  outliers: number,
  { score: tokens, threshold }: Pick<QuantiseMethod, 'score' | 'threshold'>,
  bits: 4 | 8,
): Int32Array {
  const score = scoreOf(statistics, tokens);
  return chooseOutlierColumns(score, outlierCount(score, outliers, threshold, bits));
}

export function describeFault(name: string, fault: QuantiseFault): Diagnostic {
  switch (fault.kind) {
    case 'weights-not-finite':
      return diagnose('QK181', {
        message: `weight [${fault.channel}, ${fault.column}] of ${name} is not finite`,
      });
    case 'gram-not-finite':
      return diagnose('QK182', { message: `column ${fault.column} of the input of ${name} is not finite` });
    case 'gram-not-definite': {
      const message = `the Hessian of ${name} is not positive definite, a damping of ${fault.damping} or not`;
      return diagnose('QK182', { message });
    }
    case 'outlier-overflow': {
      const message = `weight [${fault.channel}, ${fault.column}] of ${name}, an outlier column, is beyond 16 bit after its correction`;
      return diagnose('QK183', { message });
    }
  }
}
