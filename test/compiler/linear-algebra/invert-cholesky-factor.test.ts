import { expect, test } from 'vitest';
import { addGram } from '../../../compiler/linear-algebra/add-gram.ts';
import { invertCholeskyFactor } from '../../../compiler/linear-algebra/invert-cholesky-factor.ts';
import { performProduct } from '../../../compiler/linear-algebra/product.ts';
import type { ProductJob } from '../../../compiler/linear-algebra/product-job.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import { noise64 } from './noise.ts';

const threads = oneThread<ProductJob>(performProduct);

/** Xᵀ X + I of noise, well conditioned. */
function definite(n: number, rows = 2 * n): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) a[i * (n + 1)] = 1;
  addGram(threads, noise64(rows * n, n), n, a);
  return a;
}

test.each([1, 5, 128, 129, 300])('M · A · Mᵀ is the identity at n = %d, and M lower triangular', (n) => {
  const a = definite(n);
  const m = a.slice();
  expect(invertCholeskyFactor(threads, m, n)).toBe(true);
  expect(m.every((value, at) => at % n <= Math.floor(at / n) || value === 0)).toBe(true);
  // Some rows of it: M A, then times Mᵀ.
  for (let i = 0; i < n; i += Math.max(1, Math.floor(n / 9))) {
    const row = new Float64Array(n);
    for (let k = 0; k <= i; k++) for (let j = 0; j < n; j++) row[j] = row[j]! + m[i * n + k]! * a[k * n + j]!;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += row[k]! * m[j * n + k]!;
      expect(Math.abs(sum - (i === j ? 1 : 0))).toBeLessThan(1e-12);
    }
  }
});

test('what is not positive definite is refused and left as it was: singular, indefinite, not a number, in the first block and later', () => {
  const n = 200;
  for (const column of [3, 60, 127, 128, 170, 199]) {
    for (const value of [-1, 0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const a = definite(n);
      a[column * (n + 1)] = value;
      const before = a.slice();
      expect(invertCholeskyFactor(threads, a, n)).toBe(false);
      // For more damping to be added.
      expect(a.every((element, at) => Object.is(element, before[at]))).toBe(true);
    }
    // A column that is the sum of two others: rounding alone decides on the pivot's sign.
    const rows = 2 * n;
    const x = noise64(rows * n, 5);
    for (let row = 0; row < rows; row++) x[row * n + column] = x[row * n]! + x[row * n + 1]!;
    const a = new Float64Array(n * n);
    addGram(threads, x, n, a);
    expect(invertCholeskyFactor(threads, a, n)).toBe(false);
  }
});
