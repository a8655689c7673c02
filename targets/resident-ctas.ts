import type { CudaTarget } from './target.ts';

/** What a kernel takes of an SM. Shared memory is static and dynamic together. */
export interface CtaNeeds {
  readonly threads: number;
  readonly registers: number;
  readonly sharedBytes: number;
}

/** Registers are handed out by warp, in units of this many. */
const registerUnit = 256;

/** CTAs that an SM holds at once. */
export function residentCtas({ threads, registers, sharedBytes }: CtaNeeds, target: CudaTarget): number {
  const { limits } = target;
  const perWarp = Math.ceil((registers * 32) / registerUnit) * registerUnit;
  return Math.min(
    limits.blocksPerSm,
    Math.floor(limits.threadsPerSm / threads),
    Math.floor(limits.registersPerSm / (perWarp * (threads / 32))),
    Math.floor(limits.sharedBytesPerSm / (sharedBytes + limits.sharedBytesReserved)),
  );
}
