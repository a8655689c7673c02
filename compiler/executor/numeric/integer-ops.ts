/** High word of the 64-bit product of two unsigned 32-bit numbers, by 16-bit halves. */
export function mulHighUnsigned(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = aHigh * bLow + (((aLow * bLow) / 65536) >>> 0);
  const other = aLow * bHigh + (middle % 65536);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(other / 65536)) | 0;
}

export function mulHighSigned(a: number, b: number): number {
  return (mulHighUnsigned(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0;
}

export function joinUnsigned(low: number, high: number): bigint {
  return BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
}

export function joinSigned(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

export function lowWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

export function highWord(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

export function shiftLeftLow(low: number, _high: number, n: number): number {
  return n >>> 0 > 31 ? 0 : low << n;
}

export function shiftLeftHigh(low: number, high: number, n: number): number {
  if (n === 0) return high;
  if (n >>> 0 > 63) return 0;
  return n >= 32 ? low << (n - 32) : (high << n) | (low >>> (32 - n));
}

export function shiftRightLow(low: number, high: number, n: number): number {
  if (n === 0) return low;
  if (n >>> 0 > 63) return 0;
  return n >= 32 ? high >>> (n - 32) : (low >>> n) | (high << (32 - n));
}

export function shiftRightHigh(_low: number, high: number, n: number): number {
  return n >>> 0 > 31 ? 0 : high >>> n;
}

export function shiftRightSignedLow(low: number, high: number, n: number): number {
  if (n === 0) return low;
  if (n >>> 0 > 63) return high >> 31;
  return n >= 32 ? high >> (n - 32) : (low >>> n) | (high << (32 - n));
}

export function shiftRightSignedHigh(_low: number, high: number, n: number): number {
  return n >>> 0 > 31 ? high >> 31 : high >> n;
}

export function funnelLeft(low: number, high: number, amount: number, wraps: boolean): number {
  const n = wraps ? amount & 31 : Math.min(amount >>> 0, 32);
  return n === 0 ? high : n === 32 ? low : (high << n) | (low >>> (32 - n));
}

export function funnelRight(low: number, high: number, amount: number, wraps: boolean): number {
  const n = wraps ? amount & 31 : Math.min(amount >>> 0, 32);
  return n === 0 ? low : n === 32 ? high : (low >>> n) | (high << (32 - n));
}

export function popcount(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function popcountWide(low: number, high: number): number {
  return popcount(low) + popcount(high);
}

export function leadingZeros(x: number): number {
  return Math.clz32(x);
}

export function leadingZerosWide(low: number, high: number): number {
  return high === 0 ? 32 + Math.clz32(low) : Math.clz32(high);
}

export function reverseBits(x: number): number {
  let v = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return (v >>> 16) | (v << 16);
}

/** bfind: position of the highest set bit, or with `isShift` the shift that brings it to bit 31; -1 for none. */
export function findTop(bits: number, isShift: boolean): number {
  if (bits === 0) return -1;
  return isShift ? Math.clz32(bits) : 31 - Math.clz32(bits);
}

/** bfe.u32 / .s32: `length` bits from `start`, both taken modulo 256. */
export function extractField(a: number, start: number, length: number): number {
  return extract(a, start & 255, length & 255, 0);
}

export function extractFieldSigned(a: number, start: number, length: number): number {
  const [from, count] = [start & 255, length & 255];
  const top = Math.min(from + count - 1, 31);
  return extract(a, from, count, count === 0 ? 0 : (a >> top) & 1);
}

function extract(a: number, from: number, count: number, fill: number): number {
  let result = 0;
  for (let k = 0; k < 32; k += 1) {
    const bit = k < count && from + k < 32 ? (a >>> (from + k)) & 1 : fill;
    result |= bit << k;
  }
  return result;
}

/** bfi.b32: the low bits of `a` into `b`. */
export function insertField(a: number, b: number, start: number, length: number): number {
  const [from, count] = [start & 255, length & 255];
  if (count === 0 || from > 31) return b;
  const mask = (count > 31 ? -1 : (1 << count) - 1) << from;
  return (b & ~mask) | ((a << from) & mask);
}

/** prmt.b32 in its default mode: each nibble of the selector picks a byte of {b, a}, its top bit the byte's sign. */
export function permute(a: number, b: number, selector: number): number {
  let result = 0;
  for (let k = 0; k < 4; k += 1) {
    const nibble = (selector >>> (4 * k)) & 15;
    const index = nibble & 7;
    const byte = ((index < 4 ? a : b) >>> (8 * (index & 3))) & 255;
    result |= (nibble & 8 ? ((byte << 24) >> 31) & 255 : byte) << (8 * k);
  }
  return result;
}

export function dot4(a: number, b: number, c: number, aSigned: boolean, bSigned: boolean): number {
  let sum = c;
  for (let k = 0; k < 4; k += 1) {
    const x = aSigned ? (a << (24 - 8 * k)) >> 24 : (a >>> (8 * k)) & 255;
    const y = bSigned ? (b << (24 - 8 * k)) >> 24 : (b >>> (8 * k)) & 255;
    sum += x * y;
  }
  return sum | 0;
}
