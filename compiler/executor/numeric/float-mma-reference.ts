import { exponentOf } from './bits.ts';
import { F32_FORMAT, roundToFormat } from './round-to-format.ts';

/** Fraction bits kept below the largest exponent on sm_75 to sm_89 (MMA-Sim, arXiv 2511.10909; not measured here). */
const FRACTION_BITS = 24;

/** Unnormalised exponent of an operand: subnormals count as the smallest normal exponent of their format. */
function operandExponent(x: number, minExponent: number): number {
  return Math.max(exponentOf(x), minExponent);
}

/**
 * One accumulator of an f16 / bf16 MMA with f32 accumulation on sm_80: for each 8 values of k, the exact products and
 * C are aligned to the largest exponent (a product's is the sum of its operands', not normalised), cut to 24 fraction
 * bits towards zero, added exactly, and the sum is rounded to f32 towards zero. Zero products do not take part. With
 * no non-zero product C comes through unchanged.
 */
export function floatMmaReference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  c: number,
  minExponent: number,
): number {
  let accumulator = c;
  for (let first = 0; first < a.length; first += 8)
    accumulator = eightTerms(a, b, accumulator, minExponent, first);
  return accumulator;
}

function eightTerms(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  c: number,
  minExponent: number,
  first: number,
): number {
  let special = 0;
  for (let k = first; k < first + 8; k += 1) {
    const x = a[k] ?? 0;
    const y = b[k] ?? 0;
    const product = x * y;
    if (!Number.isFinite(product) || !Number.isFinite(x) || !Number.isFinite(y)) special += product;
  }
  // NaN !== 0 too: an infinity or NaN anywhere decides the result by itself.
  if (special !== 0 || !Number.isFinite(c)) return c + special;
  let top = Number.NEGATIVE_INFINITY;
  for (let k = first; k < first + 8; k += 1) {
    const x = a[k] ?? 0;
    const y = b[k] ?? 0;
    if (x * y !== 0) top = Math.max(top, operandExponent(x, minExponent) + operandExponent(y, minExponent));
  }
  if (top === Number.NEGATIVE_INFINITY) return c;
  if (c !== 0) top = Math.max(top, operandExponent(c, -126));
  const unit = 2 ** (top - FRACTION_BITS);
  let sum = Math.trunc(c / unit);
  for (let k = first; k < first + 8; k += 1) sum += Math.trunc(((a[k] ?? 0) * (b[k] ?? 0)) / unit);
  return roundToFormat(sum * unit, F32_FORMAT, 'rz');
}
