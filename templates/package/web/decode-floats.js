// Part of a package that quikc wrote; the same in each.

/**
 * 16-bit floats as numbers: no runtime has a typed array for bfloat16, nor every one for half precision.
 * @param {Uint16Array} bits
 * @param {'f16' | 'bf16'} dtype
 * @returns {Float32Array<ArrayBuffer>}
 */
export function decodeFloats(bits, dtype) {
  if (dtype === 'bf16') return new Float32Array(Uint32Array.from(bits, (value) => value << 16).buffer);
  return Float32Array.from(bits, decodeHalf);
}

/** @param {number} bits */
function decodeHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
