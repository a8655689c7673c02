import type { Probe } from './probe.ts';
import { compareProbes } from './probes-compare.ts';
import { floatProbes } from './probes-float.ts';
import { globalProbes } from './probes-global.ts';
import { integerProbes } from './probes-integer.ts';
import { matrixProbes } from './probes-matrix.ts';
import { mmaProbes } from './probes-mma.ts';
import { sharedProbes } from './probes-shared.ts';

/** One probe for each form of instruction that emitted kernels use, and some for forms they are about to use. */
export const probes: readonly Probe[] = [
  ...integerProbes,
  ...compareProbes,
  ...floatProbes,
  ...mmaProbes,
  ...matrixProbes,
  ...globalProbes,
  ...sharedProbes,
];
