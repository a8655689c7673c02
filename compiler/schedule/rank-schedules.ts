import type { Dialect, FamilyName, ProblemOf, ScheduleOf } from '../../ir/kernel-spec.ts';
import type { RejectionCount } from '../../ir/schedule-choice.ts';
import type { TargetOf } from '../../targets/target.ts';
import type { CostEstimate, KernelFamily } from '../families/family.ts';

/** Legal schedules of a problem, and why the others are not. */
export interface ScheduleSpace<F extends FamilyName, D extends Dialect = Dialect> {
  readonly legal: readonly ScheduleOf<F, D>[];
  readonly rejections: readonly RejectionCount[];
}

export interface Ranked<F extends FamilyName, D extends Dialect = Dialect> {
  readonly schedule: ScheduleOf<F, D>;
  readonly estimate: CostEstimate;
}

/** Sorts a family's schedules into legal ones and counted rejections. */
export function surveySchedules<F extends FamilyName, D extends Dialect = Dialect>(
  family: KernelFamily<F, D>,
  problem: ProblemOf<F>,
  target: TargetOf<D>,
): ScheduleSpace<F, D> {
  const legal: ScheduleOf<F, D>[] = [];
  const counts = new Map<string, { count: number; example: string }>();
  for (const schedule of family.enumerate(problem, target)) {
    const rejection = family.reject(problem, schedule, target);
    if (rejection === undefined) {
      legal.push(schedule);
      continue;
    }
    const seen = counts.get(rejection.kind);
    if (seen === undefined) counts.set(rejection.kind, { count: 1, example: rejection.reason() });
    else seen.count += 1;
  }
  const rejections = [...counts].map(([kind, { count, example }]) => ({ kind, count, example }));
  return { legal, rejections: rejections.sort((a, b) => b.count - a.count) };
}

/**
 * The `limit` schedules of the shortest modelled time, shortest first; equal times keep the order of enumeration. Of the
 * thousands tried only these are kept: an estimate with its terms for each would be most of a compile's memory.
 */
export function rankSchedules<F extends FamilyName, D extends Dialect = Dialect>(
  family: KernelFamily<F, D>,
  problem: ProblemOf<F>,
  schedules: readonly ScheduleOf<F, D>[],
  target: TargetOf<D>,
  tokens: number,
  limit: number,
): readonly Ranked<F, D>[] {
  const best: Ranked<F, D>[] = [];
  for (const schedule of schedules) {
    const estimate = family.estimate(problem, schedule, target, tokens);
    const last = best.at(-1);
    if (best.length === limit && last !== undefined && estimate.microseconds >= last.estimate.microseconds)
      continue;
    const position = best.findIndex((known) => known.estimate.microseconds > estimate.microseconds);
    best.splice(position < 0 ? best.length : position, 0, { schedule, estimate });
    if (best.length > limit) best.pop();
  }
  return best;
}
