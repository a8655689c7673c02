const F64 = new Float64Array(1);
const F32 = new Float32Array(F64.buffer);
const U32 = new Uint32Array(F64.buffer);
const I32 = new Int32Array(F64.buffer);

/** The bits of an f32 as a signed 32-bit integer. */
export function bitsOfFloat(value: number): number {
  F32[0] = value;
  return I32[0] ?? 0;
}

/** The f32 whose bits are `bits`. */
export function floatOfBits(bits: number): number {
  I32[0] = bits;
  return F32[0] ?? 0;
}

/** floor(log2 |x|) of a finite non-zero double, subnormals included. */
export function exponentOf(x: number): number {
  F64[0] = x;
  const field = ((U32[1] ?? 0) >>> 20) & 0x7ff;
  if (field !== 0) return field - 1023;
  F64[0] = x * 2 ** 64;
  return (((U32[1] ?? 0) >>> 20) & 0x7ff) - 1023 - 64;
}

/** The double next to `x` away from (`up`) or towards zero. `x` is finite and not zero. */
export function neighbour(x: number, up: boolean): number {
  F64[0] = x;
  const low = U32[0] ?? 0;
  if (up) {
    U32[0] = low + 1;
    if (low === 0xffffffff) U32[1] = (U32[1] ?? 0) + 1;
  } else {
    U32[0] = low - 1;
    if (low === 0) U32[1] = (U32[1] ?? 0) - 1;
  }
  return F64[0];
}

/** Whether the last bit of a double's significand is set. */
export function isOdd(x: number): boolean {
  F64[0] = x;
  return ((U32[0] ?? 0) & 1) === 1;
}
