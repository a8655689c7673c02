import type { KernelSpec } from './kernel-spec.ts';
import type { ProblemHash } from './plan.ts';
import type { Schedule } from './schedule.ts';
import type { MeasurePolicy, TunedDevice } from './tuned-device.ts';

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

/**
 * A schedule and the time it took on a device: the median of `samples` launches. It lies from `low` to `high` with 95 %
 * confidence; of less than 6 samples that is their range, and promises less.
 */
export interface MeasuredSchedule {
  readonly schedule: Schedule;
  readonly microseconds: number;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
  /** What the model gave it. */
  readonly modelled: number;
}

/** What a tuning record says of a range of M. */
export interface TunedReport {
  readonly device: TunedDevice;
  readonly clock: MeasurePolicy['clock'];
  /** The M that was timed. */
  readonly tokens: number;
  /** Whether these very templates were timed; others' times are taken all the same. */
  readonly sameTemplates: boolean;
  readonly chosen: MeasuredSchedule;
  readonly runnersUp: readonly MeasuredSchedule[];
  readonly tried: number;
  /** Of these, not built, wrong or not timed. */
  readonly failed: number;
}

/** Measured schedules for one range of M, the one to take first. */
export interface TunedRange extends Omit<TunedReport, 'chosen' | 'runnersUp'> {
  readonly ranked: readonly MeasuredSchedule[];
}

/** Why a kernel has the schedule it has. */
export interface ScheduleReport {
  readonly gpu: string;
  /** The M the ranking was made for. */
  readonly tokens: number;
  /** The model's first choice, or the measured one where `tuned` is there. */
  readonly chosen: RankedSchedule;
  /** Absent where the model alone chose. */
  readonly tuned?: TunedReport;
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
