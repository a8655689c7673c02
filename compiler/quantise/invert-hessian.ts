import { invertCholeskyFactor } from '../linear-algebra/invert-cholesky-factor.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { sharedFloats64, type Threads } from '../linear-algebra/threads.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { QuantiseFault } from './linear-weights.ts';

/** GPTQ's factor of the inverse Hessian, H⁻¹ = Uᵀ · U with U upper triangular. */
export interface InverseFactor {
  /** [K, K] in shared memory, U turned about both diagonals: U(i, j) = data[K * K - 1 - i * K - j]. Zeros where i > j. */
  readonly data: Float64Array;
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
 * diagonals is L · Lᵀ, and L⁻¹ turned back is U: a Cholesky factor and its inverse instead of two inverses, in one working copy.
 */
export function invertHessian(
  threads: Threads<ProductJob>,
  gram: Float64Array,
  order: Int32Array,
  damping: number,
): Result<InverseFactor, QuantiseFault> {
  const k = order.length;
  const diagonal = Float64Array.from(order, (column) => gram[column * (k + 1)] ?? Number.NaN);
  const strange = diagonal.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0) return fail({ kind: 'gram-not-finite', column: order[strange] ?? 0 });
  const live = diagonal.filter((value) => value !== 0);
  const mean = live.reduce((sum, value) => sum + value / live.length, 0);
  const data = sharedFloats64(k * k);
  for (let part = damping; ; part = Math.max(leastDamping, 10 * part)) {
    const row = fillTurned(data, gram, order, part * mean);
    if (row >= 0) return fail({ kind: 'gram-not-finite', column: order[row] ?? 0 });
    if (invertCholeskyFactor(threads, data, k)) return succeed({ data, damping: part });
    if (10 * part > mostDamping) return fail({ kind: 'gram-not-definite', damping: part });
  }
}

/** H, damped and turned, its lower triangle alone. Gives the place in `order` of a row with a value that is not finite, else -1. */
function fillTurned(data: Float64Array, gram: Float64Array, order: Int32Array, damp: number): number {
  const k = order.length;
  data.fill(0);
  for (let i = 0; i < k; i++) {
    const from = (order[i] ?? 0) * k;
    const end = k * k - 1 - i * k;
    for (let j = i; j < k; j++) {
      const value = gram[from + (order[j] ?? 0)] ?? 0;
      if (!Number.isFinite(value)) return i;
      data[end - j] = value;
    }
    const own = data[end - i] ?? 0;
    data[end - i] = own === 0 ? 1 : own + damp;
  }
  return -1;
}
