import { invertCholeskyFactor } from '../linear-algebra/invert-cholesky-factor.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { QuantiseFault } from './linear-weights.ts';

/** GPTQ's factor of the inverse Hessian, H⁻¹ = Uᵀ · U with U upper triangular, and which columns it is of. */
export interface InverseFactor {
  /** [K, K] in shared memory, U turned about both diagonals: U(i, j) = data[K * K - 1 - i * K - j]. Zeros where i > j. */
  readonly data: Float64Array;
  /** [K] columns in the order of U's. */
  readonly order: Int32Array;
  /** [K] 1 where a column never saw anything but zeros. */
  readonly dead: Uint8Array;
  /** What was added to the diagonal, as a part of its mean. */
  readonly damping: number;
}

/** Beyond 100 % of the mean diagonal, H says little of the data any more. */
const mostDamping = 1;
/** Where no damping was asked for and some is needed: GPTQ's. */
const leastDamping = 0.01;

/**
 * H = Xᵀ · X with its columns in `order`, and `damping` times the mean of its diagonal added to the diagonal; ten times as much, and
 * again, while it is not positive definite. A dead column (its diagonal is 0) gets 1 there and counts for no mean. H turned about both
 * diagonals is L · Lᵀ, and L⁻¹ turned back is U: a Cholesky factor and its inverse instead of two inverses, and in place: `gram`,
 * [K, K] in shared memory where there are more threads, is used up, be it by a fault.
 */
export function invertHessian(
  threads: Threads<ProductJob>,
  gram: Float64Array,
  order: Int32Array,
  damping: number,
): Result<InverseFactor, QuantiseFault> {
  const k = order.length;
  const diagonal = Float64Array.from({ length: k }, (_, column) => gram[column * (k + 1)] ?? Number.NaN);
  const strange = order.find((column) => !Number.isFinite(diagonal[column]));
  if (strange !== undefined) return fail({ kind: 'gram-not-finite', column: strange });
  const live = order.filter((column) => diagonal[column] !== 0);
  const mean = live.reduce((sum, column) => sum + (diagonal[column] ?? 0) / live.length, 0);
  const turned = order.toReversed();
  permute(gram, turned);
  const row = findStrangeRow(gram, k);
  if (row >= 0) return fail({ kind: 'gram-not-finite', column: turned[row] ?? 0 });
  const dead = Uint8Array.from(diagonal, (value) => (value === 0 ? 1 : 0));
  for (let part = damping; ; part = Math.max(leastDamping, 10 * part)) {
    for (let at = 0; at < k; at++) {
      const own = diagonal[turned[at] ?? 0] ?? 0;
      gram[at * (k + 1)] = own === 0 ? 1 : own + part * mean;
    }
    if (invertCholeskyFactor(threads, gram, k)) return succeed({ data: gram, order, dead, damping: part });
    if (10 * part > mostDamping) return fail({ kind: 'gram-not-definite', damping: part });
  }
}

/** Rows and columns of a square matrix in another order, in place: element (i, j) becomes what stood at (order[i], order[j]). */
function permute(matrix: Float64Array, order: Int32Array): void {
  const k = order.length;
  const kept = new Float64Array(k);
  for (let from = 0; from < k * k; from += k) {
    kept.set(matrix.subarray(from, from + k));
    for (let column = 0; column < k; column++) matrix[from + column] = kept[order[column] ?? 0] ?? 0;
  }
  const rowOf = (row: number) => matrix.subarray(row * k, (row + 1) * k);
  const done = new Uint8Array(k);
  for (let start = 0; start < k; start++) {
    if (done[start] === 1) continue;
    kept.set(rowOf(start));
    // Along a cycle: each row takes its own from where it stands, and the last one what stood at the start.
    for (let row = start; done[row] !== 1; ) {
      done[row] = 1;
      const from = order[row] ?? 0;
      rowOf(row).set(from === start ? kept : rowOf(from));
      row = from;
    }
  }
}

/** The first row with a value that is not finite, on or below the diagonal; -1 without one. */
function findStrangeRow(matrix: Float64Array, k: number): number {
  for (let row = 0; row < k; row++)
    for (let at = row * k; at <= row * (k + 1); at++) if (!Number.isFinite(matrix[at])) return row;
  return -1;
}
