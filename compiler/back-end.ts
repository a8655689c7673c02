import type { ManifestToolchain } from '../ir/manifest.ts';
import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import type { BuildOptions, BuildReport } from './build/build-kernels.ts';
import type { FindOptions } from './build/find-toolchain.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { FamilyTable } from './families/family.ts';
import type { BuildResult, WriteCallers } from './package/make-bundle.ts';
import type { KernelTexts } from './render/render-kernels.ts';
import type { Result } from './support/result.ts';

/** What compile has to know of a language: its families, and the tools that build its kernels or check them. */
export interface BackEnd {
  readonly families: FamilyTable;
  /** Fails with a code of `noTools` where there are none: sources can be written all the same. */
  findTools(options: FindOptions): Promise<Result<BuildTools, Diagnostic>>;
  readonly noTools: Diagnostic['code'];
  /** Absent where a bundle has kernels and a manifest only. */
  readonly callers?: Callers;
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
