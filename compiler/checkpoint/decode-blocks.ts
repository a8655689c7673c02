import { narrowFloat } from '../reference/narrow-float.ts';

/** Values of `bytes`, whole blocks of one format in order, into `out`, which has as many elements as they hold. */
export type Decode = (bytes: Uint8Array, out: Float32Array) => void;

// Each product below is exact in float64 (f16 scale, 6- or 8-bit subscale, code of at most 6 bits: 25 bits), and so is
// the sum before the last rounding. Storing to a Float32Array rounds once, as the float32 arithmetic of ggml does.

function halfAt(bytes: Uint8Array, at: number): number {
  return narrowFloat('f16').decode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function decodeF16(bytes: Uint8Array, out: Float32Array): void {
  const { decode } = narrowFloat('f16');
  for (let i = 0; i < out.length; i++) out[i] = decode((bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
}

/** BF16 is the upper half of a float32. */
export function decodeBf16(bytes: Uint8Array, out: Float32Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < out.length; i++)
    words[i] = ((bytes[2 * i] ?? 0) << 16) | ((bytes[2 * i + 1] ?? 0) << 24);
}

export function decodeF32(bytes: Uint8Array, out: Float32Array): void {
  const view = viewOf(bytes);
  for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
}

/** Rounded to float32: no model is published in float64, single tensors are. */
export function decodeF64(bytes: Uint8Array, out: Float32Array): void {
  const view = viewOf(bytes);
  for (let i = 0; i < out.length; i++) out[i] = view.getFloat64(8 * i, true);
}

/** Scale, 32 signed bytes: w = d q. */
export function decodeQ8_0(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0; block < out.length / 32; block++) {
    const at = block * 34;
    const d = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) out[block * 32 + i] = d * signed(bytes[at + 2 + i] ?? 0);
  }
}

/**
 * Q4_0, Q4_1, Q5_0, Q5_1: scale, minimum (the "_1"), fifth bits in one word (the "5"), 16 bytes whose low nibbles are
 * weights 0 to 15 and whose high ones 16 to 31. w = d (q - half) without a minimum, d q + m with one.
 */
function decodeNibbles(bits: 4 | 5, hasMinimum: boolean): Decode {
  const highAt = hasMinimum ? 4 : 2;
  const codesAt = bits === 5 ? highAt + 4 : highAt;
  const half = hasMinimum ? 0 : 2 ** (bits - 1);
  return (bytes, out) => {
    for (let block = 0; block < out.length / 32; block++) {
      const at = block * (codesAt + 16);
      const d = halfAt(bytes, at);
      // Adding -0 changes nothing, not even the sign of a zero.
      const m = hasMinimum ? halfAt(bytes, at + 2) : -0;
      const high = bits === 5 ? wordAt(bytes, at + highAt) : 0;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + codesAt + i] ?? 0;
        const low = (pair & 15) | (((high >>> i) & 1) << 4);
        const upper = (pair >> 4) | (((high >>> (i + 16)) & 1) << 4);
        out[block * 32 + i] = d * (low - half) + m;
        out[block * 32 + i + 16] = d * (upper - half) + m;
      }
    }
  };
}

export const decodeQ4_0 = decodeNibbles(4, false);
export const decodeQ4_1 = decodeNibbles(4, true);
export const decodeQ5_0 = decodeNibbles(5, false);
export const decodeQ5_1 = decodeNibbles(5, true);
