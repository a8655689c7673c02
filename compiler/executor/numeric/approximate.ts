import { bitsOfFloat, exponentOf } from './bits.ts';

/**
 * The documented maximum errors of PTX's `.approx` instructions (PTX ISA 9.7.3): `ulps` of the result, or `relative`
 * and `absolute` bounds. The executor answers with a value *inside* the bound, chosen by a hash of seed and
 * inputs, so that no kernel can lean on one rounding. Same seed, same inputs, same answer.
 */
interface Approximation {
  readonly exact: (a: number, b: number) => number;
  readonly ulps: number;
  readonly relative: number;
  readonly absolute: number;
}

const ulp = (exact: Approximation['exact'], ulps: number): Approximation => ({
  exact,
  ulps,
  relative: 0,
  absolute: 0,
});
const relative = (exact: Approximation['exact'], bound: number): Approximation => ({
  exact,
  ulps: 0,
  relative: bound,
  absolute: 0,
});
const absolute = (exact: Approximation['exact'], bound: number): Approximation => ({
  exact,
  ulps: 0,
  relative: 0,
  absolute: bound,
});

const APPROXIMATIONS: Readonly<Record<string, Approximation>> = {
  rcp: ulp((a) => 1 / a, 1),
  div: ulp((a, b) => a / b, 2),
  rsqrt: relative((a) => 1 / Math.sqrt(a), 2 ** -22.9),
  sqrt: relative((a) => Math.sqrt(a), 2 ** -23),
  ex2: ulp((a) => 2 ** a, 2),
  lg2: {
    exact: (a) => Math.log2(a),
    ulps: 0,
    // Absolute 2^-22 for arguments in (0.5, 2), relative 2^-22 elsewhere: taking the smaller is inside both.
    relative: 2 ** -22,
    absolute: 0,
  },
  sin: absolute((a) => Math.sin(a), 2 ** -20.5),
  cos: absolute((a) => Math.cos(a), 2 ** -20.5),
  tanh: relative((a) => Math.tanh(a), 2 ** -11),
};

/** A number in [-1, 1) that depends on the seed and the operands only. */
function drift(seed: number, a: number, b: number): number {
  let h = seed ^ Math.imul(bitsOfFloat(a), 0x9e3779b1) ^ Math.imul(bitsOfFloat(b), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) / 2 ** 31;
}

/** One approximate instruction on f32 operands. The caller flushes denormals where `.ftz` says so. */
export function approximate(name: string, seed: number, a: number, b: number): number {
  const rule = APPROXIMATIONS[name];
  if (rule === undefined) return Number.NaN;
  const exact = rule.exact(a, b);
  const nearest = Math.fround(exact);
  if (exact === 0 || !Number.isFinite(exact) || !Number.isFinite(nearest)) return nearest;
  const unit = 2 ** (Math.max(exponentOf(exact), -126) - 23);
  // Half a unit is kept for the rounding of the perturbed value to f32.
  const bound = rule.ulps * unit + rule.relative * Math.abs(exact) + rule.absolute;
  const moved = Math.fround(exact + drift(seed, a, b) * Math.max(bound - unit / 2, 0));
  return Math.abs(moved - exact) <= bound ? moved : nearest;
}
