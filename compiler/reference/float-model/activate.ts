import type { ActivationNode } from '../../../ir/graph.ts';

/** The activation functions, in float64. GELU is the exact one: x · Φ(x). */
export const activations: Readonly<Record<ActivationNode['kind'], (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
};

/**
 * 2/√π · e^(-x²) · Σ 2^n x^(2n+1) / (1 · 3 ··· (2n+1)): no term is negative, so nothing cancels (Abramowitz and Stegun 7.1.6).
 * From 6 on erf is 1 in float64.
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = size;
  let sum = 0;
  for (let n = 0; term > sum * 1e-17; n++) {
    sum += term;
    term *= (2 * size * size) / (2 * n + 3);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-size * size) * sum;
}
