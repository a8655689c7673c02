import type { Operand } from './operand.ts';

/**
 * out becomes, or is added, or has taken away, A · Bᵀ; each element is summed in the order of k, product and sum rounded on their
 * own, from 0 or from what is there: the bits of the plain loop, whatever the tiles and the threads. May not overlap A or B.
 */
export interface ProductJob {
  readonly kind: 'product';
  /** [rows, depth] */
  readonly a: Operand;
  /** [columns, depth] */
  readonly b: Operand;
  /** Element (row, column) is data[offset + row * rowStride + column]. */
  readonly out: { readonly data: Float64Array; readonly offset: number; readonly rowStride: number };
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly how: 'replace' | 'add' | 'subtract';
  /**
   * `symmetric`: A and B are the same, and so is `out` its transpose: what is below the diagonal is computed, and written above it
   * too. `triangular`: B's element (row, k) is 0 for k < row, and left out.
   */
  readonly shape?: 'symmetric' | 'triangular';
}
