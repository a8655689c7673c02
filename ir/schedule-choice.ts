import type { KernelSpec } from './kernel-spec.ts';
import type { ProblemHash } from './plan.ts';
import type { Schedule } from './schedule.ts';

/** A term of a modelled time, in microseconds, with the arithmetic behind it. */
export interface ExplainedTerm {
  readonly name: string;
  readonly microseconds: number;
  readonly how: string;
}

/** A schedule and the time the model gives it: modelled, never measured. */
export interface RankedSchedule {
  readonly schedule: Schedule;
  readonly microseconds: number;
  readonly rooflineFraction: number;
  readonly waves: number;
}

/** How many schedules fell to one kind of reason, and one of them with its numbers. */
export interface RejectionCount {
  readonly kind: string;
  readonly count: number;
  readonly example: string;
}

/** Why a kernel has the schedule it has. */
export interface ScheduleReport {
  readonly gpu: string;
  /** The M the ranking was made for. */
  readonly tokens: number;
  readonly chosen: RankedSchedule;
  readonly terms: readonly ExplainedTerm[];
  readonly runnersUp: readonly RankedSchedule[];
  /** Schedules that may serve this range of M, the chosen one among them. */
  readonly legal: number;
  readonly rejections: readonly RejectionCount[];
  /** What the outlier columns add against quantising all columns, at this schedule and M. */
  readonly outlierCost?: { readonly microseconds: number; readonly weightBytes: number };
}

/** A range of M and the kernel that serves it. Without `to`, every larger M. */
export interface KernelChoice {
  readonly problem: ProblemHash;
  readonly kernel: string;
  readonly spec: KernelSpec;
  readonly from: number;
  readonly to?: number;
  readonly report: ScheduleReport;
}

/** Why a kernel serves M from `from` to `to`; without `to`, every larger M. */
export type RangeChoice = Pick<KernelChoice, 'from' | 'to' | 'report'>;

/** A kernel to emit: once, however many problems' ranges, sites and layers it serves. */
export interface ScheduledKernel {
  readonly id: string;
  readonly spec: KernelSpec;
  readonly specHash: string;
  readonly problem: ProblemHash;
  readonly serves: readonly string[];
  readonly sites: readonly string[];
  readonly choices: readonly RangeChoice[];
}
