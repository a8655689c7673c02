import { roundHalfEven } from './narrow-float.ts';

/** Codes of one token row and what turns them back: x is close to s * (code + h) + z, h = 2^(bits - 1). */
export interface QuantisedRow {
  /** One per base column, in [-h, h - 1]. */
  readonly codes: Int8Array;
  /** {s, z} as FP32 values; {NaN, NaN} when a value, or the range, is not finite. */
  readonly scale: number;
  readonly zero: number;
}

/** The smallest row or channel scale: keeps 1/s finite and a constant row exact. */
export const smallestScale = 2 ** -64;

/**
 * The golden row quantiser (docs/numerics.md), rounded where the CUDA kernel rounds to FP32 (Math.fround of a
 * float64 sum, product or quotient of FP32 values is the correctly rounded FP32 result: 53 >= 2 * 24 + 2).
 * `values`: base columns, already in the activation dtype. No base columns: {2^-64, 0}.
 */
export function quantiseRow(values: ArrayLike<number>, bits: 4 | 8): QuantisedRow {
  const half = 2 ** (bits - 1);
  const levels = 2 ** bits - 1;
  const codes = new Int8Array(values.length);
  if (values.length === 0) return { codes, scale: smallestScale, zero: 0 };
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let finite = true;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    finite &&= Number.isFinite(value);
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  finite &&= Number.isFinite(Math.fround(most - least));
  if (!finite) return { codes: codes.fill(-half), scale: Number.NaN, zero: Number.NaN };
  const scale = Math.max(Math.fround(Math.fround(most - least) / levels), smallestScale);
  const reciprocal = Math.fround(1 / scale);
  for (let i = 0; i < values.length; i++) {
    const t = Math.fround((values[i] ?? 0) - least) * reciprocal; // exact: 2 * 24 bits
    codes[i] = Math.min(roundHalfEven(t), levels) - half;
  }
  return { codes, scale, zero: least };
}
