import type { CudaTarget } from './target.ts';

/** What a kernel takes of an SM. Shared memory is static and dynamic together. */
export interface CtaNeeds {
  readonly threads: number;
  readonly registers: number;
  readonly sharedBytes: number;
}

/** Registers are handed out by warp, in units of this many. */
const registerUnit = 256;

/** Registers a thread may use so that `ctas` CTAs fit an SM: handed out by warp, so in eights a thread. */
export function registerCap(threads: number, ctas: number, { limits }: CudaTarget): number {
  const share = Math.floor(limits.registersPerSm / (threads * ctas));
  const perThread = registerUnit / 32;
  return Math.min(limits.registersPerThread, Math.floor(share / perThread) * perThread);
}

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
