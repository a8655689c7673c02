import type { FamilyName, ProblemOf } from '../../ir/kernel-spec.ts';
import type { Target } from '../../targets/target.ts';
import type { KernelFamily } from '../families/family.ts';
import { rankSchedules, surveySchedules } from './rank-schedules.ts';
import { targetVariants } from './target-variants.ts';
import { tokenRanges } from './token-ranges.ts';

/**
 * Modelled microseconds of a problem's best kernel for `tokens` rows, on the variant of the target that is fastest; undefined where no
 * schedule is legal. The kernel is that of the range of M that a compile would find for them.
 */
export function modelTime<F extends FamilyName>(
  family: KernelFamily<F>,
  problem: ProblemOf<F>,
  target: Target,
  tokens: number,
): number | undefined {
  const [range] = tokenRanges(family.rangeEdges, tokens, undefined);
  if (range === undefined) return undefined;
  const times = targetVariants(target).flatMap((form) => {
    const { legal } = surveySchedules(family, problem, form.target);
    const serving = legal.filter((schedule) => family.servesRange(schedule, range));
    const [best] = rankSchedules(family, problem, serving, form.target, range.representative, 1);
    return best === undefined
      ? []
      : [family.estimate(problem, best.schedule, form.target, tokens).microseconds];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
