import { isOdd, neighbour } from './bits.ts';
import {
  F32_FORMAT,
  type FloatFormat,
  type RoundingMode,
  roundInteger,
  roundToFormat,
} from './round-to-format.ts';

/** The error of the double sum `s = a + b`, exactly (Knuth's two-sum). NaN where s is not finite. */
function sumError(a: number, b: number, s: number): number {
  const bb = s - a;
  return a - (s - bb) + (b - bb);
}

/** Makes an inexact double odd (towards its true value), so that one further rounding is correct. */
function toOdd(s: number, error: number): number {
  if (error === 0 || !Number.isFinite(s) || isOdd(s)) return s;
  if (s === 0) return error;
  return neighbour(s, error > 0 === s > 0);
}

/**
 * a*b + c rounded once to f32 (PTX fma.rn.f32). The product of two f32 is exact in double; the double sum differs
 * from the true one only below the last bit, which matters only when it sits exactly between two f32 numbers.
 */
export function fmaFloat(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = Math.fround(sum);
  const rest = sum - rounded;
  if (rest === 0) return rounded;
  const error = sumError(product, c, sum);
  if (error === 0) return rounded;
  const other = rounded + 2 * rest;
  if (Math.fround(other) !== other) return rounded;
  return error > 0 === rest > 0 ? other : rounded;
}

/** a*b + c rounded once to any format that has at most 24 bits, in any mode. */
export function fmaRounded(a: number, b: number, c: number, format: FloatFormat, mode: RoundingMode): number {
  const product = a * b;
  const sum = product + c;
  return roundToFormat(toOdd(sum, sumError(product, c, sum)), format, mode);
}

export function addRounded(a: number, b: number, format: FloatFormat, mode: RoundingMode): number {
  const sum = a + b;
  return roundToFormat(toOdd(sum, sumError(a, b, sum)), format, mode);
}

export function mulRounded(a: number, b: number, format: FloatFormat, mode: RoundingMode): number {
  return roundToFormat(a * b, format, mode);
}

/** f32 quotient in a directed mode: the double quotient's own error decides where it is inexact. */
export function divRounded(a: number, b: number, mode: RoundingMode): number {
  const q = a / b;
  if (!Number.isFinite(q) || q === 0) return Math.fround(q);
  // a - q*b as a sum of exact pieces: split q so that both products fit a double.
  const high = Math.fround(q);
  const remainder = a - high * b - (q - high) * b;
  return roundToFormat(toOdd(q, remainder === 0 ? 0 : remainder / b), F32_FORMAT, mode);
}

export function sqrtRounded(a: number, mode: RoundingMode): number {
  const root = Math.sqrt(a);
  if (!Number.isFinite(root) || root === 0) return root;
  const high = Math.fround(root);
  const remainder = a - high * high - (root - high) * (root + high);
  return roundToFormat(toOdd(root, remainder), F32_FORMAT, mode);
}

/** Denormal f32 numbers become zero of their sign (`.ftz`). */
export function flush(x: number): number {
  return Math.abs(x) < 2 ** -126 ? x * 0 : x;
}

/** Clamps to [0, 1]; NaN becomes 0 (`.sat`). */
export function saturate(x: number): number {
  return x > 0 ? Math.min(x, 1) : 0;
}

/** f32 min of PTX: the other operand where one is NaN, -0 below +0. */
export function minNumber(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b);
}

export function maxNumber(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}

/** Converts to an integer of [low, high] as cvt.r*i does: rounded, clamped, NaN to 0. */
export function toIntegerClamped(x: number, mode: RoundingMode, low: number, high: number): number {
  if (Number.isNaN(x)) return 0;
  if (x <= low) return low;
  if (x >= high) return high;
  return roundInteger(x, mode);
}

/** cvt.r?i.f32.f32: to an integral value, infinities and NaN kept. */
export function toIntegral(x: number, mode: RoundingMode): number {
  return Number.isFinite(x) && Math.abs(x) < 2 ** 24 ? roundInteger(x, mode) : x;
}
