import { joinSigned, joinUnsigned } from './integer-ops.ts';
import { type RoundingMode, roundInteger } from './round-to-format.ts';

/** cvt.r?i.{s64,u64}.f32: rounded, clamped, NaN to 1 << 63 (PTX ISA 9.7.9, cvt). */
export function toInteger64(x: number, mode: RoundingMode, signed: boolean): bigint {
  const [least, most] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  if (Number.isNaN(x)) return signed ? least : 2n ** 63n;
  if (x === Number.POSITIVE_INFINITY) return most;
  if (x === Number.NEGATIVE_INFINITY) return least;
  const value = BigInt(Math.abs(x) < 2 ** 53 ? roundInteger(x, mode) : x);
  return value < least ? least : value > most ? most : value;
}

/** A 64-bit integer as a double that rounds on to f32 correctly: what a double cannot hold is kept as a sticky bit. */
export function integer64ToDouble(low: number, high: number, signed: boolean): number {
  const value = signed ? joinSigned(low, high) : joinUnsigned(low, high);
  const magnitude = value < 0n ? -value : value;
  if (magnitude < 2n ** 53n) return Number(value);
  const sticky = (magnitude & 0xffffn) === 0n ? 0n : 0x8000n;
  const reduced = Number(((magnitude >> 16n) << 16n) | sticky);
  return value < 0n ? -reduced : reduced;
}

/** `.relu`: negative results become +0, NaN stays. */
export function clampNegative(x: number): number {
  return x < 0 || Object.is(x, -0) ? 0 : x;
}
