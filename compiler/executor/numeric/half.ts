import { bitsOfFloat, exponentOf, floatOfBits } from './bits.ts';
import { BF16_FORMAT, F16_FORMAT, type RoundingMode, roundToFormat } from './round-to-format.ts';

const VALUE_OF_HALF = new Float32Array(65536).map((_, bits) => {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
});

/** The value of an f16, exactly. Only the low 16 bits count. */
export function halfToFloat(bits: number): number {
  return VALUE_OF_HALF[bits & 0xffff] ?? 0;
}

/** The f16 bits of a value that is already an f16 number, or an infinity, or a NaN (PTX's canonical 0x7fff). */
function encodeHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7fff;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  return sign + ((exponent + 15) << 10) + (magnitude * 2 ** (10 - exponent) - 1024);
}

/** Rounds a double to f16 bits in one step. */
export function floatToHalf(value: number, mode: RoundingMode = 'rn'): number {
  return encodeHalf(roundToFormat(value, F16_FORMAT, mode));
}

/** The value of a bf16, exactly. */
export function bfloatToFloat(bits: number): number {
  return floatOfBits(bits << 16);
}

/** Rounds a double to bf16 bits in one step; NaN becomes PTX's canonical 0x7fff. */
export function floatToBfloat(value: number, mode: RoundingMode = 'rn'): number {
  if (Number.isNaN(value)) return 0x7fff;
  return (bitsOfFloat(roundToFormat(value, BF16_FORMAT, mode)) >>> 16) & 0xffff;
}
