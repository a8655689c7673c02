import type { LinearProblem, QuantizeProblem } from './problem.ts';
import type {
  LinearSchedule,
  QuantizeSchedule,
  WgslLinearSchedule,
  WorkgroupRowSchedule,
} from './schedule.ts';

/** The language a kernel is written in: its schedules, its templates and its tools go by it. */
export type Dialect = 'cuda' | 'wgsl';

interface Problems {
  readonly linear: LinearProblem;
  readonly quantize: QuantizeProblem;
}

interface Schedules {
  readonly cuda: { readonly linear: LinearSchedule; readonly quantize: QuantizeSchedule };
  readonly wgsl: { readonly linear: WgslLinearSchedule; readonly quantize: WorkgroupRowSchedule };
}

export type FamilyName = keyof Problems;
export type ProblemOf<F extends FamilyName> = Problems[F];
export type ScheduleOf<F extends FamilyName, D extends Dialect = Dialect> = Schedules[D][F];

/** Everything that can change a kernel's emitted text, and nothing else. */
export type KernelSpec<D extends Dialect = Dialect> = {
  readonly [F in FamilyName]: {
    readonly family: F;
    readonly problem: ProblemOf<F>;
    readonly schedule: ScheduleOf<F, D>;
  };
}[FamilyName];

export type SpecOf<F extends FamilyName, D extends Dialect = Dialect> = Extract<KernelSpec<D>, { family: F }>;
