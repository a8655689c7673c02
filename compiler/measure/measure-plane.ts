import type { ManifestToolchain } from '../../ir/manifest.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { MeasurePolicy, TunedDevice } from '../../ir/tuned-device.ts';
import type { TunedTokens } from '../../ir/tuning-record.ts';
import type { Target } from '../../targets/target.ts';
import type { Environment } from '../support/quikc-cache-root.ts';
import type { TuneDevice } from '../tune/tune-candidates.ts';

export interface PlaneOptions {
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** Of a language that numbers its GPUs. */
  readonly device: number;
  readonly nvcc?: string | undefined;
  /** The built thread that executes PTX; absent: this thread does. */
  readonly worker?: URL | undefined;
}

/** Where candidates are tried: an adapter, a GPU, or nowhere but in the model. Plain to the search, which sees times. */
export interface MeasurePlane {
  readonly device: TunedDevice;
  readonly toolchain: ManifestToolchain;
  readonly policy: MeasurePolicy;
  /** The bundle's target, promising all that this device has. */
  readonly target: Target;
  /** Units that may be searched side by side. */
  readonly searches: number;
  /** The M to time a range at. */
  timedTokens(range: Omit<TunedTokens, 'at'>, representative: number): number;
  /** What tries the kernels of one problem over one range. */
  open(work: UnitWork): OpenedUnit;
  close(): void;
}

export interface OpenedUnit {
  readonly device: TuneDevice;
  close(): void;
}

/** One problem over one range of M, for a plane to try kernels of. */
export interface UnitWork {
  readonly tokens: TunedTokens;
  readonly seed: number;
  /** Keys of those that the model likes best and that are tried in any case, e.g. to be built side by side. */
  readonly favourites: readonly string[];
  /** The kernel of a candidate, by its key. */
  kernelOf(key: string): CandidateKernel;
  readonly signal: AbortSignal;
}

export interface CandidateKernel {
  readonly kernel: ScheduledKernel;
  readonly text: string;
}
