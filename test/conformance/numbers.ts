// Number formats as IEEE 754 and the PTX ISA define them, written for the probes alone: what they check must not
// share code with what checks them.

const view = new DataView(new ArrayBuffer(8));

export function floatFrom(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/** Bits of a value rounded to f32 by the host: to nearest even. */
export function bitsFrom(value: number): number {
  view.setFloat32(0, value);
  return Number.isNaN(value) ? 0x7fffffff : view.getUint32(0);
}

export interface Format {
  /** Significant bits, the hidden one included. */
  readonly precision: number;
  readonly exponentBits: number;
}

export const half: Format = { precision: 11, exponentBits: 5 };
export const bfloat: Format = { precision: 8, exponentBits: 8 };

/** Value of a 16-bit float. */
export function decode(bits: number, { precision, exponentBits }: Format): number {
  const fractionBits = precision - 1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = bits & (2 ** fractionBits - 1);
  const sign = (bits >>> 15) & 1 ? -1 : 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (2 ** fractionBits + fraction) * 2 ** (exponent - bias - fractionBits);
}

/** Bits of a value rounded to a 16-bit float, to nearest, ties to even. NaN is 0x7fff. */
export function encode(value: number, { precision, exponentBits }: Format): number {
  if (Number.isNaN(value)) return 0x7fff;
  const fractionBits = precision - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  const infinity = (2 ** exponentBits - 1) << fractionBits;
  const magnitude = Math.abs(value);
  // A magnitude in units of the last place; the hidden bit then carries into the exponent by itself.
  let exponent = 1 - bias;
  while (exponent < bias && magnitude >= 2 ** (exponent + 1)) exponent += 1;
  const units = nearestEven(magnitude / 2 ** (exponent - fractionBits));
  const bits = (exponent - (1 - bias)) * 2 ** fractionBits + units;
  return sign | Math.min(bits, infinity);
}

/** The nearest integer, ties to even. */
export function nearestEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0)) return floor + 1;
  return floor;
}

/** a * b + c with one rounding, to nearest even, by integer arithmetic. */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const plain = a * b + c;
  if (!Number.isFinite(a) || !Number.isFinite(b) || !Number.isFinite(c)) return plain;
  if (a === 0 || b === 0) return Math.fround(plain);
  const [x, y, z] = [split(a), split(b), split(c)];
  const exponent = Math.min(x.exponent + y.exponent, z.exponent);
  const product = (x.mantissa * y.mantissa) << BigInt(x.exponent + y.exponent - exponent);
  const sum = product + (z.mantissa << BigInt(z.exponent - exponent));
  return sum === 0n ? 0 : roundScaled(sum, exponent);
}

/** value = mantissa * 2^exponent for a finite f32 value. */
function split(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  const bits = bitsFrom(value);
  const field = (bits >>> 23) & 255;
  const mantissa = BigInt((bits & 0x7fffff) | (field === 0 ? 0 : 0x800000));
  return { mantissa: value < 0 ? -mantissa : mantissa, exponent: Math.max(field, 1) - 150 };
}

/** sum * 2^exponent as f32, to nearest even. */
function roundScaled(sum: bigint, exponent: number): number {
  const negative = sum < 0n;
  let magnitude = negative ? -sum : sum;
  let scale = exponent;
  const length = magnitude.toString(2).length;
  const drop = Math.max(length - 24, -149 - exponent);
  if (drop > 0) {
    const rest = magnitude & ((1n << BigInt(drop)) - 1n);
    const middle = 1n << BigInt(drop - 1);
    magnitude >>= BigInt(drop);
    scale += drop;
    if (rest > middle || (rest === middle && (magnitude & 1n) === 1n)) magnitude += 1n;
  }
  const value = Math.fround(Number(magnitude) * 2 ** scale);
  return negative ? -value : value;
}

/** One unit in the last place of the f32 numbers around a value. */
export function unitOf(value: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.max(Number.isFinite(exponent) ? exponent : -126, -126) - 23);
}
