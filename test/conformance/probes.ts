import type { Probe } from './probe.ts';
import { compareProbes } from './probes-compare.ts';
import { floatProbes } from './probes-float.ts';
import { integerProbes } from './probes-integer.ts';
import { matrixProbes } from './probes-matrix.ts';
import { memoryProbes } from './probes-memory.ts';

/** One probe for each form of instruction that emitted kernels use, and some for forms they are about to use. */
export const probes: readonly Probe[] = [
  ...integerProbes,
  ...compareProbes,
  ...floatProbes,
  ...matrixProbes,
  ...memoryProbes,
];
