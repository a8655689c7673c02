import { exponentOf } from './bits.ts';

export type RoundingMode = 'rn' | 'rz' | 'rm' | 'rp' | 'rna';

export interface FloatFormat {
  /** Significand bits, the hidden one included. */
  readonly precision: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  readonly max: number;
}

export const F32_FORMAT: FloatFormat = { precision: 24, minExponent: -126, max: (2 - 2 ** -23) * 2 ** 127 };
export const F16_FORMAT: FloatFormat = { precision: 11, minExponent: -14, max: 65504 };
export const BF16_FORMAT: FloatFormat = { precision: 8, minExponent: -126, max: (2 - 2 ** -7) * 2 ** 127 };

/** Rounds to an integer; ties to even for `rn`. |q| < 2^53. */
export function roundInteger(q: number, mode: RoundingMode): number {
  if (mode === 'rz') return Math.trunc(q);
  if (mode === 'rm') return Math.floor(q);
  if (mode === 'rp') return Math.ceil(q);
  if (mode === 'rna') return q < 0 ? -Math.floor(0.5 - q) : Math.floor(q + 0.5);
  const low = Math.floor(q);
  const rest = q - low;
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  const rounded = up ? low + 1 : low;
  return rounded === 0 && (q < 0 || Object.is(q, -0)) ? -0 : rounded;
}

/** Rounds a double to `format` in one step (IEEE 754 4.3), denormals kept, overflow as the mode demands. */
export function roundToFormat(x: number, format: FloatFormat, mode: RoundingMode): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const exponent = Math.max(exponentOf(x), format.minExponent);
  const shift = format.precision - 1 - exponent;
  // Two factors, because 2^shift itself may pass the double range.
  const half = Math.trunc(shift / 2);
  const rounded = roundInteger(x * 2 ** half * 2 ** (shift - half), mode) * 2 ** -half * 2 ** -(shift - half);
  if (Math.abs(rounded) <= format.max) return rounded;
  const keeps = mode === 'rz' || (mode === 'rm' && x > 0) || (mode === 'rp' && x < 0);
  return Math.sign(x) * (keeps ? format.max : Number.POSITIVE_INFINITY);
}
