import type { DeviceNeeds, Variant } from '../ir/device-needs.ts';
import type { Dialect } from '../ir/kernel-spec.ts';
import type { TargetId } from '../ir/problem.ts';

/** Reference GPU of a target: what the cost model divides by. Dense tensor-core rates, boost clock. */
export interface ReferenceGpu {
  readonly name: string;
  readonly smCount: number;
  readonly clockMHz: number;
  readonly dramGBps: number;
  readonly l2GBps: number;
  readonly l2Bytes: number;
  /** Multiply-adds per SM and clock. */
  readonly macsPerSmClock: { readonly s4: number; readonly s8: number; readonly f16: number };
  readonly source: string;
}

/** What the cost model of linears takes for a GPU's latencies and overlaps. */
export interface LaunchTiming {
  /**
   * Tensor cores, shared memory, L2 and DRAM work side by side but not without cost when several are nearly busy: times
   * combine as the p-norm with this p.
   */
  readonly overlapPower: number;
  /** Cycles from a CTA's start to its first MMA, and from its last MMA to its end beside the stores. */
  readonly fillCycles: number;
  readonly drainCycles: number;
  /** Latency that bytes in flight have to cover, in nanoseconds. */
  readonly l2LatencyNs: number;
  readonly dramLatencyNs: number;
  /** Cycles from a barrier to the first result of the MMAs behind it, which only other CTAs of the SM may fill. */
  readonly stepLatencyCycles: number;
  /** Cycles that a scheduler spends on one operation that widens a register of 4-bit codes, and does not issue MMAs. */
  readonly wideningCycles: number;
  /** Part of L2's bandwidth that atomic sums reach. */
  readonly atomicRate: number;
  /** What every launch takes beside its work, in microseconds. */
  readonly launchMicroseconds: number;
  readonly source: string;
}

/** What the record of every target has, whatever its language. */
interface TargetRecord {
  readonly id: TargetId;
  /** What every device that kernels are written for has beyond its language's core. */
  readonly promised: DeviceNeeds;
  /**
   * Sets of kernels that a bundle holds, from those that ask for least: of what a device can run the last is best. None:
   * one set, without a name, for every device.
   */
  readonly variants: readonly Variant[];
}

/** One CUDA architecture: data only, no behaviour. */
export interface CudaTarget extends TargetRecord {
  readonly dialect: 'cuda';
  readonly virtualArch: string;
  readonly realArch: string;
  readonly limits: {
    readonly sharedBytesPerBlock: number;
    readonly sharedBytesPerSm: number;
    readonly sharedBytesReserved: number;
    readonly registersPerSm: number;
    readonly registersPerThread: number;
    readonly threadsPerSm: number;
    readonly threadsPerBlock: number;
    readonly blocksPerSm: number;
    readonly source: string;
  };
  readonly mma: readonly MmaInstruction[];
  readonly gpu: ReferenceGpu;
  readonly timing: LaunchTiming;
}

/** A warp-level tensor-core instruction that is native on the target (probed with ptxas, never emulated). */
export interface MmaInstruction {
  readonly name: 's4-m16n8k64' | 's8-m16n8k32' | 'f16-m16n8k16' | 'bf16-m16n8k16';
  readonly k: number;
  readonly sassOpcode: 'IMMA' | 'HMMA';
}

/** Any WebGPU device: what every one of them has to offer, and a GPU for the cost model to divide by. Data only. */
export interface WgslTarget extends TargetRecord {
  readonly dialect: 'wgsl';
  readonly limits: {
    readonly workgroupStorageBytes: number;
    readonly invocationsPerWorkgroup: number;
    readonly storageBuffersPerStage: number;
    readonly workgroupsPerDimension: number;
    readonly bindingBytes: number;
    /** Of every device. */
    readonly bufferBytes: number;
    /** Of a device that was asked for as much: the most that a kernel may need. */
    readonly requestedBufferBytes: number;
    readonly source: string;
  };
  readonly gpu: {
    readonly name: string;
    readonly coreCount: number;
    readonly clockMHz: number;
    readonly dramGBps: number;
    readonly l2GBps: number;
    /** `dot4I8Packed` a core and clock, and FP32 multiply-adds. */
    readonly perCoreClock: { readonly dot4: number; readonly fma: number };
    readonly source: string;
  };
}

export type Target = CudaTarget | WgslTarget;
export type TargetOf<D extends Dialect> = Extract<Target, { dialect: D }>;
