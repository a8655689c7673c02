import type { SourcePosition } from '../parse/ptx-module.ts';

export type ViolationKind =
  | 'race'
  | 'uninitialised-shared'
  | 'uninitialised-global'
  | 'uninitialised-register'
  | 'in-flight-copy'
  | 'out-of-bounds'
  | 'misaligned'
  | 'read-only-write'
  | 'divergent-barrier'
  | 'partial-mask'
  | 'inactive-lane'
  | 'deadlock'
  | 'step-limit';

/** One fault of the kernel, the first of its (kind, PTX line); `count` says how often it was seen. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly message: string;
  readonly ptxLine: number;
  readonly spelling: string;
  readonly source: readonly SourcePosition[];
  readonly block: readonly [number, number, number];
  /** threadIdx.x + blockDim.x * (y + blockDim.y * z), or null where no single thread is at fault. */
  readonly thread: number | null;
  count: number;
}

/** What one PTX instruction did over the run, summed over warps. */
export interface InstructionCounters {
  readonly ptxLine: number;
  readonly spelling: string;
  readonly source: readonly SourcePosition[];
  /** Executions by a warp (any number of lanes). */
  readonly executed: number;
  /** Shared memory: passes over the 32 banks, and the least for the bytes asked for. */
  readonly wavefronts: number;
  readonly idealWavefronts: number;
  /** Global memory: 32-byte sectors touched, and the least for the bytes asked for. */
  readonly sectors: number;
  readonly idealSectors: number;
  readonly bytes: number;
}

export interface ExecutionReport {
  readonly violations: readonly Violation[];
  /** Violations found, repeats included. */
  readonly violationCount: number;
  readonly mmaInstructions: number;
  readonly macs: number;
  readonly instructions: readonly InstructionCounters[];
}
