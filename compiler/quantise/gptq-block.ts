import { weightCode } from '../reference/quantise-weights.ts';
import { patterns, pruneGroup, type Sparsity } from './prune-group.ts';

/** Columns of one block of GPTQ's order. */
export interface GptqBlock {
  /** The place of its first column; a multiple of a group of pruning. */
  readonly from: number;
  readonly width: number;
  /** [width, width] U of the block. */
  readonly u: Float64Array;
  readonly bits: 4 | 8;
  readonly sparsity: Sparsity;
}

/**
 * One row's weights in a block, corrected for all columns before: writes their codes and errors, over U's diagonal, and corrects
 * `values` on the way. With pruning, what a group loses is settled when its first column's turn comes, by SparseGPT's measure w² / U_jj²,
 * and the error of a lost weight is all of it.
 */
export function roundBlockRow(
  { width, u, bits, sparsity }: GptqBlock,
  values: Float64Array,
  scale: number,
  codes: Int8Array,
  errors: Float64Array,
): void {
  const half = 2 ** (bits - 1);
  const pattern = sparsity === 'dense' ? undefined : patterns[sparsity];
  const keep = new Uint8Array(width).fill(1);
  for (let i = 0; i < width; i++) {
    if (pattern !== undefined && i % pattern.group === 0) {
      const end = Math.min(width, i + pattern.group);
      const saliency = values.slice(i, end).map((value, j) => (value / (u[(i + j) * (width + 1)] ?? 1)) ** 2);
      pruneGroup(pattern, saliency, keep.subarray(i, end));
    }
    const value = values[i] ?? 0;
    const code = keep[i] === 1 ? weightCode(value, scale, half) : 0;
    const error = (value - scale * code) / (u[i * (width + 1)] ?? 1);
    codes[i] = code;
    errors[i] = error;
    const row = i * width;
    for (let j = i + 1; j < width; j++) values[j] = (values[j] ?? 0) - error * (u[row + j] ?? 0);
  }
}
