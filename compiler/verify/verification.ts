import type { CudaContract } from '../../ir/call-contract.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import type { Violation } from '../executor/index.ts';
import type { Environment } from '../support/quikc-cache-root.ts';

/** A kernel to verify: the PTX that nvcc emitted, and what it is supposed to be. Plain data: it crosses to workers. */
export interface VerificationJob {
  readonly id: string;
  readonly spec: KernelSpec<'cuda'>;
  readonly contract: CudaContract;
  readonly ptx: string;
  /** The emitted .cu text, to say in which phase a fault lies; may be absent. */
  readonly source?: string;
  readonly launches: readonly PlannedLaunch[];
  readonly seed: number;
}

/** A token count to run a kernel at, on every dataset. */
export interface PlannedLaunch {
  readonly tokens: number;
  /** Output tiles to run; absent: the whole grid. */
  readonly tiles?: number;
}

/** One launch on one dataset. */
export interface CaseResult {
  readonly tokens: number;
  readonly dataset: string;
  readonly ctas: number;
  readonly macs: number;
  readonly elements: number;
  readonly failures: number;
  /** Largest error as a fraction of its own derived bound, and where. */
  readonly worst: number;
  readonly worstAt: string;
  readonly notes: readonly string[];
  readonly violations: readonly Violation[];
  readonly executeMs: number;
  readonly oracleMs: number;
}

/** A shared- or global-memory instruction over all launches: what it cost against the least it could. */
export interface AccessCount {
  readonly ptxLine: number;
  readonly sourceLine: number | undefined;
  readonly spelling: string;
  readonly executed: number;
  readonly wavefronts: number;
  readonly idealWavefronts: number;
  readonly sectors: number;
  readonly idealSectors: number;
}

export interface KernelVerification {
  readonly id: string;
  readonly passed: boolean;
  /** Why it failed, one sentence each; empty where it passed. */
  readonly faults: readonly string[];
  readonly cases: readonly CaseResult[];
  readonly accesses: readonly AccessCount[];
  /** Tensor-core instructions executed, and what the formula with K padded to the MMA's gives for the same CTAs. */
  readonly mma: { readonly executed: number; readonly expected: number };
  readonly macs: number;
  /** Wavefronts of shared memory if every byte that the tiles must move went through it once in and once out. */
  readonly leastWavefronts: number;
}

/** A kernel that could not be run, and why: it is neither right nor wrong. */
export interface UnrunKernel {
  readonly id: string;
  readonly variants: readonly string[];
  readonly reason: string;
}

/** A quantize and a linear that reads what it wrote. */
export interface ChainJob {
  readonly site: string;
  readonly quantize: ChainKernel<'quantize'>;
  readonly linear: ChainKernel<'linear'>;
  readonly tokens: number;
  readonly seed: number;
}

export interface ChainKernel<F extends FamilyName> {
  readonly id: string;
  readonly spec: SpecOf<F, 'cuda'>;
  readonly contract: CudaContract;
  readonly ptx: string;
}

/** How far a site's kernels together are from the unquantised layer. */
export interface ChainVerification {
  readonly site: string;
  readonly quantize: string;
  readonly linear: string;
  readonly tokens: number;
  readonly passed: boolean;
  readonly faults: readonly string[];
  readonly elements: number;
  /** Largest error as a fraction of the scheme's own error plus the bound of the arithmetic. */
  readonly worst: number;
  readonly milliseconds: number;
}

export type VerifyTask = (
  | { readonly kind: 'kernel'; readonly job: VerificationJob }
  | { readonly kind: 'chain'; readonly job: ChainJob }
) & {
  /** The GPU to run on; absent: the PTX executor. */
  readonly gpu?: GpuPlace;
};

/** Which GPU, and what the runner's process finds around it. */
export interface GpuPlace {
  readonly device: number;
  readonly env: Environment;
}

export type TaskResult =
  | { readonly kind: 'kernel'; readonly result: KernelVerification }
  | { readonly kind: 'chain'; readonly result: ChainVerification };
