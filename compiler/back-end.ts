import type { ManifestTarget, ManifestToolchain } from '../ir/manifest.ts';
import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import type { BuildOptions, BuildReport } from './build/build-kernels.ts';
import type { FindOptions } from './build/find-toolchain.ts';
import type { VerifyBundle } from './commands/verify-bundle.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { FamilyTable } from './families/family.ts';
import type { MeasurePlane, PlaneOptions } from './measure/measure-plane.ts';
import type { BuildResult, WriteCallers } from './package/make-bundle.ts';
import type { KernelTexts } from './render/render-kernels.ts';
import type { Result } from './support/result.ts';

/**
 * What is asked of a language, for one of its targets: its families, what a bundle has of it, the tools that build its
 * kernels or check them, and what runs them.
 */
export interface BackEnd {
  readonly families: FamilyTable;
  /** The target as a manifest has it. */
  readonly manifestTarget: ManifestTarget;
  /** Path of a kernel's source within a bundle. */
  sourcePath(id: string): string;
  /** Fails with a code of `noTools` where there are none: sources can be written all the same. */
  findTools(options: FindOptions): Promise<Result<BuildTools, Diagnostic>>;
  readonly noTools: Diagnostic['code'];
  /** Absent where a bundle has kernels and a manifest only. */
  readonly callers?: Callers;
  /** What executes a bundle's kernels and compares them. */
  loadVerifier(): Promise<VerifyBundle>;
  /** Where kernels can be tried on this machine. */
  openPlane(options: PlaneOptions): Promise<Result<MeasurePlane, Diagnostic>>;
}

/** The files of a bundle through which programs of a language call its kernels. */
export interface Callers {
  /** Digest of what is copied into every bundle as it stands. */
  digest(): string;
  /** What writes them is heavy, and only wanted where a bundle is made. */
  loadWriter(): Promise<WriteCallers>;
}

export interface BuildTools {
  readonly toolchain: ManifestToolchain;
  /** Builds or checks every kernel; one failure does not stop the rest. */
  build(
    kernels: readonly ScheduledKernel[],
    texts: KernelTexts,
    options: BuildOptions,
  ): Promise<BuildOutcome>;
}

export interface BuildOutcome extends Pick<BuildReport, 'failed' | 'warnings'> {
  /** By kernel id. */
  readonly results: ReadonlyMap<string, BuildResult>;
}
