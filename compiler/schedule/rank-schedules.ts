import type { FamilyName, ProblemOf, ScheduleOf } from '../../ir/kernel-spec.ts';
import type { RejectionCount } from '../../ir/schedule-choice.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { CostEstimate, KernelFamily } from '../families/family.ts';

/** Legal schedules of a problem, and why the others are not. */
export interface ScheduleSpace<F extends FamilyName> {
  readonly legal: readonly ScheduleOf<F>[];
  readonly rejections: readonly RejectionCount[];
}

export interface Ranked<F extends FamilyName> {
  readonly schedule: ScheduleOf<F>;
  readonly estimate: CostEstimate;
}

/** Sorts a family's schedules into legal ones and counted rejections. */
export function surveySchedules<F extends FamilyName>(
  family: KernelFamily<F>,
  problem: ProblemOf<F>,
  target: CudaTarget,
): ScheduleSpace<F> {
  const legal: ScheduleOf<F>[] = [];
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

/** Schedules from the shortest modelled time upwards; equal times keep the order of enumeration. */
export function rankSchedules<F extends FamilyName>(
  family: KernelFamily<F>,
  problem: ProblemOf<F>,
  schedules: readonly ScheduleOf<F>[],
  target: CudaTarget,
  tokens: number,
): readonly Ranked<F>[] {
  return schedules
    .map((schedule) => ({ schedule, estimate: family.estimate(problem, schedule, target, tokens) }))
    .sort((a, b) => a.estimate.microseconds - b.estimate.microseconds);
}
