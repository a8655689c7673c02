import { noNeeds } from '../ir/device-needs.ts';
import type { CudaTarget } from './target.ts';

/**
 * Hopper, compute capability 9.0, through warp-level MMA; reference GPU H200. It has no s4 MMA (ptxas emulates it, up to
 * sixteen times slower, bench/cuda/results.md), so 4-bit codes are widened to s8 in registers.
 */
export const sm90: CudaTarget = {
  dialect: 'cuda',
  id: 'sm90',
  virtualArch: 'compute_90',
  realArch: 'sm_90',
  promised: noNeeds,
  variants: [],
  limits: {
    sharedBytesPerBlock: 232_448,
    sharedBytesPerSm: 233_472,
    sharedBytesReserved: 1024,
    registersPerSm: 65_536,
    registersPerThread: 255,
    threadsPerSm: 2048,
    threadsPerBlock: 1024,
    blocksPerSm: 32,
    source: 'CUDA C++ Programming Guide, technical specifications per compute capability, column 9.0',
  },
  mma: [
    { name: 's8-m16n8k32', k: 32, sassOpcode: 'IMMA' },
    { name: 'f16-m16n8k16', k: 16, sassOpcode: 'HMMA' },
    { name: 'bf16-m16n8k16', k: 16, sassOpcode: 'HMMA' },
  ],
  gpu: {
    name: 'H200',
    smCount: 132,
    clockMHz: 1800,
    dramGBps: 4260,
    l2GBps: 7000,
    l2Bytes: 60 * 2 ** 20,
    macsPerSmClock: { s4: 2520, s8: 2520, f16: 1260 },
    source:
      'measured on an H200, driver 580.159: copies 4260 GB/s, 1.80 GHz under tensor load (ncu), s8 mma.sync 513 TOPS at 42.9 % of the tensor pipe (ncu), f16 taken at half; s4 as widened to s8. L2: 7 TB/s fitted to timed launches',
  },
  timing: {
    overlapPower: 3,
    fillCycles: 200,
    drainCycles: 130,
    l2LatencyNs: 600,
    dramLatencyNs: 430,
    stepLatencyCycles: 380,
    wideningCycles: 2.3,
    atomicRate: 0.3,
    launchMicroseconds: 4,
    source:
      'fitted to 682 launches on an H200, of all units and sizes (targets/tuned/sm90, bench/model-fit.ts): within 21 % of them (root mean square of the logarithm); its favourite took 1.06 times the best one, 1.6 times at worst',
  },
};
