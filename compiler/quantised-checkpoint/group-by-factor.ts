import { chooseOutlierColumns, outlierCount } from '../quantise/choose-outlier-columns.ts';
import type { ColumnOrder } from '../quantise/order-columns.ts';
import type { Sparsity } from '../quantise/prune-group.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { PlannedLinear } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';

/** Linears that keep the same columns, and whose columns are rounded in the same order. */
export interface AlikeLinears {
  readonly columns: Int32Array;
  readonly order: ColumnOrder;
  readonly sparsity: Sparsity;
  readonly members: PlannedLinear[];
}

/** Linears of a group by the factor of the Hessian that they take. */
export function groupByFactor(
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
