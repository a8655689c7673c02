import { roundUp } from '../support/integer.ts';

/**
 * How elements lie in memory: the one definition that packers, verification data and the manifest's layers share.
 * docs/layouts.md has the pictures. Sizes and offsets are in bytes unless a name says otherwise.
 */

/** A weight block: 16 channels x 256 bits, in the order in which one warp loads an MMA's operand A. */
const blockRows = 16;
export const blockRowBytes = 32;
export const blockBytes = blockRows * blockRowBytes;

/** FP16/BF16 outlier columns come in groups of one m16n8k16's k. */
const outlierGroup = 16;

/** Codes of `bits` in one block row: the k of m16n8k64 s4, m16n8k32 s8, m16n8k16 f16. */
function blockK(bits: 4 | 8 | 16): number {
  return (blockRowBytes * 8) / bits;
}

/** Base columns with padding: a multiple of the integer MMA's k. Padding codes are 0. */
export function paddedBase(base: number, bits: 4 | 8): number {
  return roundUp(base, blockK(bits));
}

/** Outlier columns with padding; padding activations and weights are 0. */
export function paddedOutliers(outliers: number): number {
  return roundUp(outliers, outlierGroup);
}

/** Output channels with padding; padding rows, scales and biases are 0. */
export function paddedChannels(channels: number): number {
  return roundUp(channels, blockRows);
}

// --- codes-rows: [M][paddedBase] codes, little-endian: byte j holds code 2j in its low nibble, 2j+1 in its high one ---

export function codesRowStride(base: number, bits: 4 | 8): number {
  return (paddedBase(base, bits) * bits) / 8;
}

// --- row-meta: f32 {s, z} per row ---

export const rowMetaStride = 8;

// --- outlier activations: row-major [M][paddedOutliers] of 16 bit ---

export function outlierRowStride(outliers: number): number {
  return paddedOutliers(outliers) * 2;
}

// --- column-meta: f32 {s_w, R, bias, 0} per channel ---

export const columnMetaStride = 16;

export function columnMetaBytes(channels: number): number {
  return paddedChannels(channels) * columnMetaStride;
}

// --- weight-blocks-16x64-s4, weight-blocks-16x32-s8, outlier-blocks-16x16: blocks [paddedChannels/16][paddedK/blockK] ---

/** Bytes of one packed row, `paddedK` elements of `bits`. */
export function blockedRowBytes(paddedK: number, bits: 4 | 8 | 16): number {
  return (paddedK * bits) / 8;
}

export function blockedBytes(channels: number, paddedK: number, bits: 4 | 8 | 16): number {
  return paddedChannels(channels) * blockedRowBytes(paddedK, bits);
}

/**
 * Where byte `byte` (0…31) of row `row` (0…15) sits in its block: register r of lane l = (g, t) holds row
 * g + 8(r & 1), bits 128(r >> 1) + 32t … +31; a lane's four registers are adjacent, so it loads 16 bytes.
 */
export function offsetInBlock(row: number, byte: number): number {
  const register = (row >> 3) | ((byte >> 4) << 1);
  const lane = ((row & 7) << 2) + ((byte & 15) >> 2);
  return lane * 16 + register * 4 + (byte & 3);
}

/** The inverse of {@link offsetInBlock} for the 4-byte register at `offset` (0…508, a multiple of 4). */
export function registerInBlock(offset: number): { readonly row: number; readonly byte: number } {
  const lane = offset >> 4;
  const register = (offset >> 2) & 3;
  return { row: (lane >> 2) + 8 * (register & 1), byte: 16 * (register >> 1) + 4 * (lane & 3) };
}

/** Where byte `byte` of channel `channel`'s packed row of `rowBytes` bytes sits in a blocked tensor. */
export function offsetInBlocks(channel: number, byte: number, rowBytes: number): number {
  const block = (channel >> 4) * (rowBytes / blockRowBytes) + (byte >> 5);
  return block * blockBytes + offsetInBlock(channel & 15, byte & 31);
}
