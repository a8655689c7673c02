import type { ActivationDtype } from '../../ir/dtype.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { factoriseHessian, roundByFactor } from '../quantise/gptq.ts';
import type { QuantiseFault } from '../quantise/linear-weights.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { roundToNearest } from '../quantise/round-to-nearest.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { groupByFactor } from './group-by-factor.ts';
import type { PlannedGroup, PlannedLinear } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';

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

/** Xᵀ X to be used up: itself for the last that needs it. */
function takeGram({ gram }: LinearStatistics, isLast: boolean, { threads }: QuantiseMeans): Float64Array {
  assert(gram !== undefined, 'GPTQ has the products of its columns');
  if (isLast) return gram;
  const copy = threads.room.take64('hessian', gram.length);
  copy.set(gram);
  return copy;
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
