import { narrowFloat } from '../reference/narrow-float.ts';
import type { Decode } from './decode-blocks.ts';

// The K quants of ggml: 256 weights a block, whose groups have scales of few bits under one f16 scale
// (ggml/src/ggml-quants.c, dequantize_row_q4_K and its neighbours). On rounding see decode-blocks.ts.

const blockElements = 256;

function halfAt(bytes: Uint8Array, at: number): number {
  return narrowFloat('f16').decode((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
}

/** Scale and minimum of group `j` of 8, six bits each in 12 bytes: get_scale_min_k4. */
function groupScale(
  bytes: Uint8Array,
  at: number,
  j: number,
): { readonly scale: number; readonly min: number } {
  const byte = (index: number) => bytes[at + index] ?? 0;
  if (j < 4) return { scale: byte(j) & 63, min: byte(j + 4) & 63 };
  return {
    scale: (byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4),
    min: (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4),
  };
}

/**
 * Q4_K and Q5_K: scale, scale of the minima, 12 bytes of group scales, for Q5_K 32 bytes of fifth bits, 128 bytes of
 * nibbles. w = d s q - e m. Each 32 bytes hold two groups of 32, low nibbles first; bit g of byte i of the fifth bits
 * belongs to weight i of group g.
 */
function decodeGroups(hasFifthBits: boolean): Decode {
  const codesAt = hasFifthBits ? 48 : 16;
  return (bytes, out) => {
    for (let block = 0; block < out.length / blockElements; block++) {
      const at = block * (codesAt + 128);
      const d = halfAt(bytes, at);
      const e = halfAt(bytes, at + 2);
      for (let group = 0; group < 8; group++) {
        const { scale, min } = groupScale(bytes, at + 4, group);
        const codes = at + codesAt + (group >> 1) * 32;
        for (let i = 0; i < 32; i++) {
          const pair = bytes[codes + i] ?? 0;
          const nibble = group % 2 === 0 ? pair & 15 : pair >> 4;
          const fifth = hasFifthBits ? (((bytes[at + 16 + i] ?? 0) >> group) & 1) << 4 : 0;
          out[block * blockElements + group * 32 + i] = d * scale * (nibble | fifth) - e * min;
        }
      }
    }
  };
}

export const decodeQ4_K = decodeGroups(false);
export const decodeQ5_K = decodeGroups(true);

/**
 * Q6_K: 128 bytes of low nibbles, 64 of upper pairs of bits, 16 signed scales of 16 weights each, then d.
 * w = d s (q - 32). Either half of the block has four runs of 32 weights: low nibbles of 32 bytes, of the next 32, then
 * high nibbles of both; bits 2r and 2r + 1 of the pairs belong to run r.
 */
export function decodeQ6_K(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0; block < out.length / blockElements; block++) {
    const at = block * 210;
    const d = halfAt(bytes, at + 208);
    for (let run = 0; run < 8; run++) {
      const half = run >> 2;
      const part = run & 3;
      for (let i = 0; i < 32; i++) {
        const pair = bytes[at + half * 64 + (part & 1) * 32 + i] ?? 0;
        const nibble = part < 2 ? pair & 15 : pair >> 4;
        const upper = ((bytes[at + 128 + half * 32 + i] ?? 0) >> (2 * part)) & 3;
        const scale = ((bytes[at + 192 + half * 8 + part * 2 + (i >> 4)] ?? 0) << 24) >> 24;
        out[block * blockElements + run * 32 + i] = d * scale * ((nibble | (upper << 4)) - 32);
      }
    }
  }
}

/**
 * Q2_K: 16 bytes of group scales (low nibble) and minima (high), 64 bytes of codes, d, e. w = d s q - e m. Either half
 * of the block has four runs of 32 weights over the same 32 bytes, bits 2r and 2r + 1 for run r; 16 weights share a scale.
 */
export function decodeQ2_K(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0; block < out.length / blockElements; block++) {
    const at = block * 84;
    const d = halfAt(bytes, at + 80);
    const e = halfAt(bytes, at + 82);
    for (let run = 0; run < 8; run++) {
      for (let i = 0; i < 32; i++) {
        const group = bytes[at + run * 2 + (i >> 4)] ?? 0;
        const code = ((bytes[at + 16 + (run >> 2) * 32 + i] ?? 0) >> (2 * (run & 3))) & 3;
        out[block * blockElements + run * 32 + i] = d * (group & 15) * code - e * (group >> 4);
      }
    }
  }
}

/** Scale of group `g` of 16: four low bits in byte g % 8, two upper ones in byte 8 + g % 4, less 32. */
function scaleQ3_K(bytes: Uint8Array, at: number, g: number): number {
  const low = ((bytes[at + (g & 7)] ?? 0) >> (4 * (g >> 3))) & 15;
  const upper = ((bytes[at + 8 + (g & 3)] ?? 0) >> (2 * (g >> 2))) & 3;
  return (low | (upper << 4)) - 32;
}

/**
 * Q3_K: 32 bytes of third bits, 64 of lower pairs as in Q2_K, 12 of group scales, d. w = d s (q - 4): bit r of byte i of
 * the third bits belongs to weight i of run r.
 */
export function decodeQ3_K(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0; block < out.length / blockElements; block++) {
    const at = block * 110;
    const d = halfAt(bytes, at + 108);
    for (let run = 0; run < 8; run++) {
      for (let i = 0; i < 32; i++) {
        const low = ((bytes[at + 32 + (run >> 2) * 32 + i] ?? 0) >> (2 * (run & 3))) & 3;
        const third = (((bytes[at + i] ?? 0) >> run) & 1) << 2;
        const scale = scaleQ3_K(bytes, at + 96, run * 2 + (i >> 4));
        out[block * blockElements + run * 32 + i] = d * scale * ((low | third) - 4);
      }
    }
  }
}
