import { noNeeds } from '../ir/device-needs.ts';
import type { CudaTarget } from './target.ts';

/** Ampere, compute capability 8.0; reference GPU A100-SXM4-80GB. */
export const sm80: CudaTarget = {
  dialect: 'cuda',
  id: 'sm80',
  virtualArch: 'compute_80',
  realArch: 'sm_80',
  promised: noNeeds,
  variants: [],
  limits: {
    sharedBytesPerBlock: 166_912,
    sharedBytesPerSm: 167_936,
    sharedBytesReserved: 1024,
    registersPerSm: 65_536,
    registersPerThread: 255,
    threadsPerSm: 2048,
    threadsPerBlock: 1024,
    blocksPerSm: 32,
    source: 'CUDA C++ Programming Guide, technical specifications per compute capability, column 8.0',
  },
  mma: [
    { name: 's4-m16n8k64', k: 64, sassOpcode: 'IMMA' },
    { name: 's8-m16n8k32', k: 32, sassOpcode: 'IMMA' },
    { name: 'f16-m16n8k16', k: 16, sassOpcode: 'HMMA' },
    { name: 'bf16-m16n8k16', k: 16, sassOpcode: 'HMMA' },
  ],
  gpu: {
    name: 'A100-SXM4-80GB',
    smCount: 108,
    clockMHz: 1410,
    dramGBps: 2039,
    l2GBps: 4800,
    l2Bytes: 40 * 2 ** 20,
    macsPerSmClock: { s4: 4096, s8: 2048, f16: 1024 },
    source:
      'NVIDIA A100 datasheet: 312 TFLOPS FP16, 624 TOPS INT8, 1248 TOPS INT4, dense; 2039 GB/s. L2: 5120 B/clock (A100 whitepaper) at 1410 MHz would be 7200 GB/s; 4800 is taken as attainable',
  },
  timing: {
    overlapPower: 6,
    fillCycles: 1200,
    drainCycles: 600,
    l2LatencyNs: 400,
    dramLatencyNs: 800,
    stepLatencyCycles: 200,
    wideningCycles: 0,
    atomicRate: 1,
    launchMicroseconds: 0,
    source: 'stated: nothing was measured on an A100',
  },
};
