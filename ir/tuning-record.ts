// What a tuning run leaves for later compiles: times of one problem's schedules over one range of M on one device.
import type { FamilyName } from './kernel-spec.ts';
import type { ManifestToolchain } from './manifest.ts';
import type { TargetId } from './problem.ts';
import type { Schedule } from './schedule.ts';
import type { MeasurePolicy, TunedDevice } from './tuned-device.ts';

export const tuningFormat = 1;

export interface TuningRecord {
  readonly format: typeof tuningFormat;
  readonly target: TargetId;
  readonly problem: {
    /** Digest of family, shape, scheme, prologue, epilogue, layouts and target. */
    readonly hash: string;
    readonly family: FamilyName;
    /** For people: operation, widths and sizes. */
    readonly description: string;
  };
  readonly tokens: TunedTokens;
  readonly device: TunedDevice;
  readonly toolchain: ManifestToolchain;
  readonly policy: MeasurePolicy;
  readonly provenance: { readonly quikc: string; readonly templatesDigest: string };
  readonly search: TuningSearch;
  /** Fastest first; then those that failed. */
  readonly trials: readonly TunedTrial[];
}

/** The range of M that a kernel serves, and the M that it was timed at. Without `to`, every larger M. */
export interface TunedTokens {
  readonly from: number;
  readonly to?: number;
  readonly at: number;
}

export interface TuningSearch {
  /** Schedules that could have been tried. */
  readonly legal: number;
  readonly seed: number;
  /** Milliseconds spent, earlier runs included. */
  readonly milliseconds: number;
  /** False: interrupted, or the budget ran out before as many were tried as were asked for. */
  readonly complete: boolean;
}

export type TunedTrial = {
  readonly schedule: Schedule;
  /** Microseconds of the cost model alone. */
  readonly modelled: number;
} & (
  | { readonly outcome: 'timed'; readonly samples: readonly number[] }
  | { readonly outcome: 'failed'; readonly stage: 'build' | 'verify' | 'time'; readonly reason: string }
);
