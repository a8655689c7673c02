import { columnsOf, rowsOf } from './operand.ts';
import { multiply } from './product.ts';
import type { ProductJob } from './product-job.ts';
import type { Threads } from './threads.ts';

/** Rows of a block: what is done in JavaScript is n * size^2 of n^3 / 3 products. */
const blockSize = 128;

/**
 * A = L · Lᵀ: replaces A by the inverse of the lower triangular L, zeros above, blockwise in place. `a` is [n, n] row-major and
 * symmetric; shared memory, where there are more threads. False where A is not positive definite: a pivot is not finite, or no more
 * of its diagonal element than rounding leaves of a zero; `a` is as it was then. Takes the threads' room for `panel` and `block`.
 */
export function invertCholeskyFactor(threads: Threads<ProductJob>, a: Float64Array, n: number): boolean {
  const room = threads.room.take64('panel', blockSize * n);
  // Above the diagonal A stays as it is until all pivots are known, but for the blocks on the diagonal.
  const blocks = new Float64Array(blockSize * n);
  for (let row = 0; row < n; row++) blocks.set(diagonalRow(a, n, row), row * blockSize);
  for (let from = 0; from < n; from += blockSize) {
    const size = Math.min(blockSize, n - from);
    if (factoriseBlockColumn(threads, a, n, from, size, room)) continue;
    for (let row = 0; row < n; row++) {
      const own = diagonalRow(a, n, row);
      own.set(blocks.subarray(row * blockSize, row * blockSize + own.length));
    }
    mirrorUpperTriangle(a, n);
    return false;
  }
  for (let row = 0; row < n; row++) a.fill(0, row * n + row + 1, (row + 1) * n);
  for (let from = blockSize; from < n; from += blockSize)
    invertBlockRow(threads, a, n, from, Math.min(blockSize, n - from), room);
  return true;
}

/** What a row has in the block on the diagonal. */
function diagonalRow(a: Float64Array, n: number, row: number): Float64Array {
  const from = row - (row % blockSize);
  return a.subarray(row * n + from, row * n + Math.min(n, from + blockSize));
}

/** What is above the diagonal, below it too: blockwise, for each is read across. */
function mirrorUpperTriangle(a: Float64Array, n: number): void {
  for (let from = 0; from < n; from += blockSize)
    for (let row = from; row < n; row++)
      for (let column = from; column < Math.min(row, from + blockSize); column++)
        a[row * n + column] = a[column * n + row] ?? 0;
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
  const inverse = threads.room.take64('block', size * size);
  if (!invertDiagonalBlock(a, n, from, least, inverse)) return false;
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

/** `inverse` becomes that of the Cholesky factor of a diagonal block, [size, size] with zeros above; false where a pivot is too small. */
function invertDiagonalBlock(
  a: Float64Array,
  n: number,
  from: number,
  least: Float64Array,
  inverse: Float64Array,
): boolean {
  const size = least.length;
  const factor = new Float64Array(size * size);
  const at = (row: number, column: number): number => factor[row * size + column] ?? 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = a[(from + row) * n + from + column] ?? 0;
      for (let k = 0; k < column; k++) sum -= at(row, k) * at(column, k);
      if (row === column && !(sum > (least[row] ?? 0) && Number.isFinite(sum))) return false;
      factor[row * size + column] = row === column ? Math.sqrt(sum) : sum / at(column, column);
    }
  }
  inverse.fill(0);
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = row === column ? 1 : 0;
      for (let k = column; k < row; k++) sum -= at(row, k) * (inverse[k * size + column] ?? 0);
      inverse[row * size + column] = sum / at(row, row);
    }
  }
  return true;
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
