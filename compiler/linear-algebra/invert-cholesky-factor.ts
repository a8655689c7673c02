import { columnsOf, rowsOf } from './operand.ts';
import { multiply } from './product.ts';
import type { ProductJob } from './product-job.ts';
import { sharedFloats64, type Threads } from './threads.ts';

/** Rows of a block: what is done in JavaScript is n * size^2 of n^3 / 3 products. */
const blockSize = 128;

/**
 * A = L · Lᵀ: replaces A by the inverse of the lower triangular L, blockwise in place. `a` is [n, n] row-major, its lower triangle
 * filled, zeros above; shared memory, where there are more threads. False where A is not positive definite: a pivot is not
 * finite, or no more of its diagonal element than rounding leaves of a zero; `a` is spoiled then.
 */
export function invertCholeskyFactor(threads: Threads<ProductJob>, a: Float64Array, n: number): boolean {
  const room = sharedFloats64(blockSize * n);
  for (let from = 0; from < n; from += blockSize) {
    const size = Math.min(blockSize, n - from);
    if (!factoriseBlockColumn(threads, a, n, from, size, room)) return false;
  }
  for (let from = blockSize; from < n; from += blockSize)
    invertBlockRow(threads, a, n, from, Math.min(blockSize, n - from), room);
  return true;
}

/** L's columns `from` on, given those before: the diagonal block inverted already, for only its inverse is asked for from now on. */
function factoriseBlockColumn(
  threads: Threads<ProductJob>,
  a: Float64Array,
  n: number,
  from: number,
  size: number,
  room: Float64Array,
): boolean {
  const least = Float64Array.from({ length: size }, (_, i) => n * 2 ** -52 * (a[(from + i) * (n + 1)] ?? 0));
  multiply(threads, {
    ...{ kind: 'product', how: 'subtract', rows: n - from, columns: size, depth: from },
    ...{ a: rowsOf(a, n, from), b: rowsOf(a, n, from) },
    out: { data: a, offset: from * (n + 1), rowStride: n },
  });
  const inverse = invertDiagonalBlock(a, n, from, least);
  if (inverse === undefined) return false;
  const to = from + size;
  multiply(threads, {
    ...{ kind: 'product', how: 'replace', rows: n - to, columns: size, depth: size },
    a: { data: a, offset: to * n + from, rowStride: n, depthStride: 1 },
    b: rowsOf(inverse, size),
    out: { data: room, offset: 0, rowStride: size },
  });
  for (let row = 0; row < size; row++)
    a.set(inverse.subarray(row * size, (row + 1) * size), (from + row) * n + from);
  for (let row = to; row < n; row++)
    a.set(room.subarray((row - to) * size, (row - to + 1) * size), row * n + from);
  return true;
}

/** The inverse of the Cholesky factor of a diagonal block, [size, size] with zeros above; undefined where a pivot is too small. */
function invertDiagonalBlock(
  a: Float64Array,
  n: number,
  from: number,
  least: Float64Array,
): Float64Array | undefined {
  const size = least.length;
  const factor = new Float64Array(size * size);
  const at = (row: number, column: number): number => factor[row * size + column] ?? 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = a[(from + row) * n + from + column] ?? 0;
      for (let k = 0; k < column; k++) sum -= at(row, k) * at(column, k);
      if (row === column && !(sum > (least[row] ?? 0) && Number.isFinite(sum))) return undefined;
      factor[row * size + column] = row === column ? Math.sqrt(sum) : sum / at(column, column);
    }
  }
  const inverse = sharedFloats64(size * size);
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = row === column ? 1 : 0;
      for (let k = column; k < row; k++) sum -= at(row, k) * (inverse[k * size + column] ?? 0);
      inverse[row * size + column] = sum / at(row, row);
    }
  }
  return inverse;
}

/** Rows `from` on of the inverse M, given those before: M_ij = -M_ii · sum over j <= k < i of L_ik · M_kj. */
function invertBlockRow(
  threads: Threads<ProductJob>,
  a: Float64Array,
  n: number,
  from: number,
  size: number,
  room: Float64Array,
): void {
  room.fill(0, 0, size * from);
  multiply(threads, {
    ...{ kind: 'product', how: 'subtract', shape: 'triangular', rows: size, columns: from, depth: from },
    ...{ a: rowsOf(a, n, from), b: columnsOf(a, n), out: { data: room, offset: 0, rowStride: from } },
  });
  multiply(threads, {
    ...{ kind: 'product', how: 'replace', rows: size, columns: from, depth: size },
    a: { data: a, offset: from * (n + 1), rowStride: n, depthStride: 1 },
    ...{ b: columnsOf(room, from), out: { data: a, offset: from * n, rowStride: n } },
  });
}
