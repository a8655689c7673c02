import type { ActivationDtype } from '../../ir/dtype.ts';

/** A 16-bit floating-point format: exact conversions between its bit patterns and float64. */
export interface NarrowFloat {
  readonly infinityBits: number;
  /** Bits of the nearest value, ties to even, one rounding from float64. Overflow gives infinity, NaN a quiet NaN. */
  encode(value: number): number;
  /** The exact value of a bit pattern. */
  decode(bits: number): number;
  /** encode, then decode. */
  round(value: number): number;
  /** Distance between neighbours at |value|; at least the subnormal spacing. */
  ulp(value: number): number;
}

const doubleBits = new Float64Array(1);
const wordsOfDouble = new Uint32Array(doubleBits.buffer);
// Which half of a float64 holds the exponent: little-endian hosts put it second.
const highWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** floor(log2|value|) of a finite value; -1023 for zero and float64 subnormals. */
function exponentOf(value: number): number {
  doubleBits[0] = value;
  return (((wordsOfDouble[highWord] ?? 0) >>> 20) & 0x7ff) - 1023;
}

const leastPower = -1074;
// 2 ** x is a call into the C library; the encoders run once for every test value.
const powers = Float64Array.from({ length: 1024 - leastPower }, (_, i) => 2 ** (i + leastPower));

/** 2^exponent for -1074 <= exponent <= 1023. */
function powerOfTwo(exponent: number): number {
  return powers[exponent - leastPower] ?? 2 ** exponent;
}

/** Nearest integer of a non-negative number below 2^52, ties to even. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function makeNarrowFloat(precision: number, exponentBits: number): NarrowFloat {
  const maxExponent = 2 ** (exponentBits - 1) - 1;
  const minExponent = 1 - maxExponent;
  const overflow = 2 ** (maxExponent + 1);
  const mantissaBits = precision - 1;
  const infinityBits = (2 ** exponentBits - 1) << mantissaBits;
  const nanBits = infinityBits | (1 << (mantissaBits - 1));

  function decodeSlow(bits: number): number {
    const sign = bits & 0x8000 ? -1 : 1;
    const magnitude = bits & 0x7fff;
    if (magnitude > infinityBits) return Number.NaN;
    if (magnitude === infinityBits) return sign * Number.POSITIVE_INFINITY;
    const field = magnitude >> mantissaBits;
    const mantissa = magnitude & (2 ** mantissaBits - 1);
    if (field === 0) return sign * mantissa * 2 ** (minExponent - mantissaBits);
    return sign * (mantissa + 2 ** mantissaBits) * 2 ** (field - 1 + minExponent - mantissaBits);
  }
  // 512 KiB a format: every pattern decoded once, so that decode is one load.
  const table = Float64Array.from({ length: 65_536 }, (_, bits) => decodeSlow(bits));

  function encode(value: number): number {
    if (Number.isNaN(value)) return nanBits;
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const magnitude = Math.abs(value);
    if (magnitude >= overflow) return sign | infinityBits;
    const exponent = Math.max(exponentOf(magnitude), minExponent);
    // Scaling by a power of two is exact; a carry out of the significand steps into the next exponent by itself.
    const significand = roundHalfEven(magnitude * powerOfTwo(mantissaBits - exponent));
    return sign | (((exponent - minExponent) << mantissaBits) + significand);
  }
  const decode = (bits: number): number => table[bits & 0xffff] ?? Number.NaN;
  return {
    infinityBits,
    encode,
    decode,
    round: (value) => decode(encode(value)),
    ulp: (value) => powerOfTwo(Math.max(exponentOf(value), minExponent) - mantissaBits),
  };
}

const formats: Partial<Record<ActivationDtype, NarrowFloat>> = {};

/** The 16-bit format of an activation dtype; built on first use. */
export function narrowFloat(dtype: ActivationDtype): NarrowFloat {
  const known = formats[dtype];
  if (known) return known;
  const made = dtype === 'f16' ? makeNarrowFloat(11, 5) : makeNarrowFloat(8, 8);
  formats[dtype] = made;
  return made;
}
