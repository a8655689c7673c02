import { narrowFloat } from '../../reference/narrow-float.ts';
import { decodeBf16, decodeF16, decodeF32 } from '../decode-blocks.ts';

/** The dtype that a library computes weights in: that of their scales. */
export type ScaleDtype = 'F16' | 'BF16' | 'F32';

/** A linear's weight [N, K] as a checkpoint stores it, whichever library wrote it. w = scale (code - zero), rounded once. */
export interface StoredCodes {
  readonly bits: number;
  readonly n: number;
  readonly k: number;
  /** G. */
  readonly groups: number;
  /** Column k is in group floor(k / groupSize), unless `groupOf` says otherwise. */
  readonly groupSize: number;
  /** [K]: the group of each column, of those that were quantised in another order. */
  readonly groupOf?: Int32Array;
  /** [N, K], unsigned: 0 to 2^bits - 1. What a file stores as signed has 2^(bits - 1) added, here and to `zeros`. */
  readonly codes: Uint8Array;
  /** [N, G], in the units of the codes. */
  readonly zeros: Int16Array;
  /** [N, G], finite. */
  readonly scales: Float32Array;
  readonly dtype: ScaleDtype;
}

/** The weights [N, K] that the codes stand for, every bit as their own library computes them. */
export function dequantise(stored: StoredCodes): Float32Array {
  const values = new Float32Array(stored.n * stored.k);
  const decode = { F16: decodeF16, BF16: decodeBf16, F32: decodeF32 }[stored.dtype];
  decode(dequantiseBytes(stored), values);
  return values;
}

/**
 * The same as bytes of their dtype, little-endian. auto-gptq, gptqmodel, autoawq and compressed-tensors all subtract first: integers, or
 * floats that have them exactly (at most 255 apart; BF16 has all up to 256). The product is exact in float64 and in the float32 that
 * PyTorch has it in, so that the one rounding is to the dtype.
 */
export function dequantiseBytes(stored: StoredCodes): Uint8Array {
  const { dtype } = stored;
  if (dtype === 'F32') return new Uint8Array(dequantiseWide(stored).buffer);
  const { encode } = narrowFloat(dtype === 'F16' ? 'f16' : 'bf16');
  const { bits, n, k, groups, codes, zeros, scales } = stored;
  const out = new Uint16Array(n * k);
  const groupOf = groupsOf(stored);
  const size = 2 ** bits;
  // Every code of every group of a row is rounded once, where that is less work than every weight.
  const table = groups * size <= k ? new Uint16Array(groups * size) : undefined;
  for (let row = 0; row < n; row++) {
    const product = (group: number, code: number) =>
      encode((scales[row * groups + group] ?? 0) * (code - (zeros[row * groups + group] ?? 0)));
    if (table !== undefined)
      for (let at = 0; at < table.length; at++) table[at] = product(Math.floor(at / size), at % size);
    for (let column = 0; column < k; column++) {
      const [group, code] = [groupOf[column] ?? 0, codes[row * k + column] ?? 0];
      out[row * k + column] = table === undefined ? product(group, code) : (table[group * size + code] ?? 0);
    }
  }
  return new Uint8Array(out.buffer);
}

function dequantiseWide(stored: StoredCodes): Float32Array {
  const { n, k, groups, codes, zeros, scales } = stored;
  const out = new Float32Array(n * k);
  const groupOf = groupsOf(stored);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < k; column++) {
      const at = row * groups + (groupOf[column] ?? 0);
      out[row * k + column] = (scales[at] ?? 0) * ((codes[row * k + column] ?? 0) - (zeros[at] ?? 0));
    }
  }
  return out;
}

function groupsOf({ k, groupSize, groupOf }: StoredCodes): Int32Array {
  return groupOf ?? Int32Array.from({ length: k }, (_, column) => Math.floor(column / groupSize));
}
