import type { ActivationDtype } from '../../ir/dtype.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { chooseOutlierColumns, outlierCount } from '../quantise/choose-outlier-columns.ts';
import { factoriseHessian, roundByFactor } from '../quantise/gptq.ts';
import type { QuantiseFault } from '../quantise/linear-weights.ts';
import type { ColumnOrder } from '../quantise/order-columns.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import type { Sparsity } from '../quantise/prune-group.ts';
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
 * Quantises the linears that read one value: their outlier columns are the largest of one ranking, by max |x|. For GPTQ the statistics'
 * gram is used up; linears that keep the same columns are rounded by one factor. Faults: of weights, QK181 to QK183. Takes the threads'
 * room for `hessian`, where columns differ, and what roundToNearest and factoriseHessian take.
 */
export function quantiseGroup(
  { linears }: PlannedGroup,
  layer: number,
  statistics: LinearStatistics,
  method: QuantiseMethod,
  means: QuantiseMeans,
): Result<readonly NamedLinear[], Diagnostic> {
  const done = new Map<PlannedLinear, QuantisedLinear>();
  const alike = groupByFactor(linears, statistics, method);
  for (const [index, { columns, order, sparsity, members }] of alike.entries()) {
    const factor =
      method.method === 'rtn'
        ? succeed(undefined)
        : factoriseHessian(means.threads, takeGram(statistics, index === alike.length - 1, means), columns, {
            ...{ damping: method.damping, order, sparsity },
          });
    for (const planned of members) {
      if (!factor.ok) return fail(describeFault(planned.name, factor.error));
      const weights = means.read(planned.weight, layer);
      if (!weights.ok) return weights;
      const { n, k, bits, clip } = planned;
      const linear = {
        ...{ weights: weights.value, n, k, outlierColumns: columns, bits, clip, dtype: means.dtype },
      };
      const made =
        factor.value === undefined
          ? roundToNearest(means.threads, linear)
          : roundByFactor(means.threads, linear, factor.value, sparsity);
      if (!made.ok) return fail(describeFault(planned.name, made.error));
      done.set(planned, made.value);
    }
  }
  return succeed(
    linears.flatMap((planned) => {
      const linear = done.get(planned);
      return linear === undefined ? [] : [{ name: planned.name, linear }];
    }),
  );
}

/** Linears that keep the same columns, and whose columns are rounded in the same order. */
interface AlikeLinears {
  readonly columns: Int32Array;
  readonly order: ColumnOrder;
  readonly sparsity: Sparsity;
  readonly members: PlannedLinear[];
}

function groupByFactor(
  linears: readonly PlannedLinear[],
  statistics: LinearStatistics,
  { order: kind, score, threshold }: QuantiseMethod,
): readonly AlikeLinears[] {
  const groups = new Map<string, AlikeLinears>();
  for (const planned of linears) {
    const { bits, outliers, sparsity } = planned;
    const columns = planned.columns ?? chooseColumnsOf(statistics, outliers, { score, threshold }, bits);
    const asked: ColumnOrder = kind === 'score' ? { kind, score: scoreOf(statistics, score) } : { kind };
    const order: ColumnOrder = sparsity === 'dense' ? asked : { kind: 'natural' };
    const key = `${sparsity} ${columns.join()}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { columns, order, sparsity, members: [planned] });
    else known.members.push(planned);
  }
  return [...groups.values()];
}

/** Xᵀ X to be used up: itself for the last that needs it. */
function takeGram({ gram }: LinearStatistics, isLast: boolean, { threads }: QuantiseMeans): Float64Array {
  assert(gram !== undefined, 'GPTQ has the products of its columns');
  if (isLast) return gram;
  const copy = threads.room.take64('hessian', gram.length);
  copy.set(gram);
  return copy;
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
