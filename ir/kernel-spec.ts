import type { LinearProblem, QuantizeProblem } from './problem.ts';
import type { LinearSchedule, QuantizeSchedule } from './schedule.ts';

/** Everything that can change a kernel's emitted text, and nothing else. */
export type KernelSpec =
  | { readonly family: 'linear'; readonly problem: LinearProblem; readonly schedule: LinearSchedule }
  | { readonly family: 'quantize'; readonly problem: QuantizeProblem; readonly schedule: QuantizeSchedule };

export type FamilyName = KernelSpec['family'];
export type SpecOf<F extends FamilyName> = Extract<KernelSpec, { family: F }>;
export type ProblemOf<F extends FamilyName> = SpecOf<F>['problem'];
export type ScheduleOf<F extends FamilyName> = SpecOf<F>['schedule'];
