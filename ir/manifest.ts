// What manifest.json says: all that a caller needs to run a bundle's kernels, without quikc. docs/bundle.md explains
// it, ir/manifest-schema.ts checks it. A change that breaks readers raises `abi`.
import type {
  DispatchContract,
  KernelArgument,
  LaunchContract,
  LayoutName,
  WorkspaceProtocol,
} from './call-contract.ts';
import type { DeviceNeeds, Variant } from './device-needs.ts';
import type { ActivationDtype } from './dtype.ts';
import type { Repetition } from './graph.ts';
import type { FamilyName, KernelSpec } from './kernel-spec.ts';
import type { Bucket, PackedRows, Plan, PlannedBlock, ProblemHash, Step } from './plan.ts';
import type { ColumnMode, TargetId } from './problem.ts';
import type { OutlierColumns, Outliers } from './quant-scheme.ts';
import type { RangeChoice } from './schedule-choice.ts';

export const manifestAbi = 1;

/** Of a file in a bundle: plain names, at most two folders deep; never out of the bundle. */
export const bundlePath = /^(?:[a-z]+\/){0,2}[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

export interface Manifest {
  readonly abi: typeof manifestAbi;
  readonly model: string;
  readonly dtype: ActivationDtype;
  readonly target: ManifestTarget;
  /** False: sources only, no ptx and cubin; WGSL is not compiled, but checked or not. */
  readonly built: boolean;
  readonly kernels: readonly ManifestKernel[];
  readonly sites: readonly ManifestSite[];
  readonly layers: readonly ManifestLayer[];
  readonly plan: ManifestPlan;
  /** Paths of the files through which programs call the kernels; absent where there are none. */
  readonly callers?: readonly string[];
  /** Absent where nothing was built. */
  readonly toolchain?: ManifestToolchain;
  readonly provenance: Provenance;
}

export type ManifestTarget = {
  readonly id: TargetId;
  /** The GPU that modelled times stand for. */
  readonly referenceGpu: string;
  /** From those that ask for least; of those that a device can run the last is best. Buckets name theirs. Absent: no sets. */
  readonly variants?: readonly Variant[];
} & (
  | { readonly dialect: 'cuda'; readonly virtualArch: string; readonly realArch: string }
  | { readonly dialect: 'wgsl'; readonly variants: readonly Variant[] }
);

/** A file of the bundle: its path, with `/` between folders, never absolute, never upwards. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ManifestKernel {
  readonly id: string;
  readonly family: FamilyName;
  readonly symbol: string;
  readonly target: TargetId;
  readonly specHash: string;
  readonly problemHash: ProblemHash;
  readonly spec: KernelSpec;
  /** In signature order. */
  readonly arguments: readonly KernelArgument[];
  /** In CUDA. */
  readonly launch?: LaunchContract;
  /** In WGSL, with the next. */
  readonly dispatches?: readonly DispatchContract[];
  readonly tokensAtOnce?: number;
  readonly workspace?: WorkspaceProtocol;
  /** Layers of the model, e.g. `layers.0-31.mlp.down_proj`. */
  readonly serves: readonly string[];
  readonly sites: readonly string[];
  readonly resources: ManifestResources;
  readonly tolerances: readonly Tolerance[];
  /** Why it was chosen, for each range of M it serves. Times are modelled. */
  readonly explain: readonly RangeChoice[];
  readonly files: {
    readonly source: ManifestFile;
    readonly ptx?: ManifestFile;
    readonly cubin?: ManifestFile;
  };
}

export type ManifestResources = CudaResources | WgslResources;

/** What a CUDA kernel takes of an SM, and what is in it. */
export interface CudaResources {
  readonly dialect: 'cuda';
  readonly threads: number;
  readonly dynamicSharedBytes: number;
  /** What the schedule was chosen on. */
  readonly estimated: {
    /** A thread's, below which ptxas spills: fitted (bench/register-fit.md). */
    readonly registers: number;
    /** A thread's at most, by the launch bounds. */
    readonly registerCap: number;
    readonly sharedBytes: number;
  };
  /** CTAs an SM holds at once: by ptxas's registers where built, else by the launch bounds. */
  readonly residentCtas: number;
  readonly occupancyPercent: number;
  /** Tensor-core instructions in the text. */
  readonly mma: { readonly imma: number; readonly hmma: number };
  /** From ptxas and the machine code. */
  readonly built?: {
    readonly registers: number;
    readonly staticSharedBytes: number;
    readonly stackBytes: number;
    readonly spillStoreBytes: number;
    readonly spillLoadBytes: number;
    readonly barriers: number;
    readonly instructions: number;
    readonly opcodes: Readonly<Record<string, number>>;
  };
}

/** What a WGSL kernel takes of a workgroup, and what it asks of an adapter. */
export interface WgslResources extends DeviceNeeds {
  readonly dialect: 'wgsl';
  readonly threads: number;
  readonly workgroupBytes: number;
  readonly storageBuffers: number;
}

/** How far an output may be from the float64 oracle, by `rule` of docs/numerics.md with these constants. */
export interface Tolerance {
  readonly output: string;
  readonly rule: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly derivation: string;
}

export interface ManifestSite {
  readonly id: string;
  readonly tokens: { readonly min: number; readonly max?: number };
  readonly buckets: readonly Bucket[];
  readonly reasons: readonly string[];
}

/** How a linear's weights become its kernels' arguments. One packing serves every bucket of its site. */
export interface ManifestLayer {
  /** Block and node, e.g. `layers/mlp.down_proj`: what steps of the plan refer to. */
  readonly id: string;
  /** All layers of the model that are packed so, e.g. `layers.0-31.mlp.down_proj`. */
  readonly name: string;
  readonly site: string;
  readonly problem: ProblemHash;
  readonly repeat?: Repetition;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  readonly columnMode: ColumnMode;
  /** The linears of the model that lie below each other in it. */
  readonly parts: readonly PackedRows[];
  readonly outliers: Omit<Outliers, 'columns'> & {
    readonly padded: number;
    readonly columns: OutlierColumns;
  };
  readonly scale: ScaleRule;
  readonly arguments: readonly PackedArgument[];
}

export interface ScaleRule {
  readonly granularity: 'channel';
  readonly symmetric: true;
  readonly clip: 'none' | 'search';
  /** What clamp, in `rule`, keeps a code within. */
  readonly codes: { readonly min: number; readonly max: number };
  /** The same in words, with every rounding: fl32 to FP32, rne to an integer, both to nearest, ties to even. */
  readonly rule: string;
}

/** A weight-side argument: `rows` x `columns` elements with their padding. */
export interface PackedArgument {
  readonly argument: 'weights' | 'column_meta' | 'outlier_weights';
  readonly layout: LayoutName;
  readonly rows: number;
  readonly columns: number;
  readonly bytes: number;
}

/** A step of the plan. What packing needs is in the layer that `layer` names. */
export type ManifestStep =
  | (Omit<Extract<Step, { kind: 'quantize' }>, 'outlierColumns'> & {
      /** The layer whose outlier columns the quantize takes. */
      readonly columnsOf: string;
    })
  | (Omit<Extract<Step, { kind: 'linear' }>, 'scheme' | 'parts'> & { readonly layer: string })
  | Extract<Step, { kind: 'host' }>;

export type ManifestBlock = Omit<PlannedBlock, 'steps'> & { readonly steps: readonly ManifestStep[] };

export type ManifestPlan = Pick<Plan, 'weightFiles' | 'slots' | 'peakBytes' | 'placeholderLayers'> & {
  readonly blocks: readonly ManifestBlock[];
  /** As large as the largest workspace that any launch needs; launches in one stream may share it. */
  readonly workspaceBytes: number;
};

/** What made machine code of the kernels, or checked their text. */
export interface ManifestToolchain {
  readonly tool: 'nvcc' | 'dawn';
  readonly version: string;
  /** Digest over its programs. */
  readonly identity: string;
}

export interface Provenance {
  readonly quikc: string;
  readonly templatesDigest: string;
  /** File name, without its folder, and digest of the model as it was read. */
  readonly model: { readonly file: string; readonly bytes: number; readonly sha256: string };
  /** Digest over all that determines this bundle; equal digests are equal bundles. */
  readonly inputDigest: string;
}
