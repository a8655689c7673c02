import { expect, test } from 'vitest';
import { addGram } from '../../../compiler/linear-algebra/add-gram.ts';
import { columnsOf, type Operand, rowsOf } from '../../../compiler/linear-algebra/operand.ts';
import { multiply, performProduct } from '../../../compiler/linear-algebra/product.ts';
import type { ProductJob } from '../../../compiler/linear-algebra/product-job.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import { noise32, noise64 } from './noise.ts';

const threads = oneThread<ProductJob>(performProduct);

function at({ data, offset, rowStride, depthStride }: Operand, row: number, k: number): number {
  return data[offset + row * rowStride + k * depthStride]!;
}

/** What the job says, element by element, in a copy of what is there. */
function plainly(job: ProductJob): Float64Array {
  const { a, b, out, rows, columns, depth, how } = job;
  const data = Float64Array.from(out.data);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const to = out.offset + row * out.rowStride + column;
      let sum = how === 'replace' ? 0 : data[to]!;
      for (let k = 0; k < depth; k++) {
        const product = at(a, row, k) * at(b, column, k);
        sum = how === 'subtract' ? sum - product : sum + product;
      }
      data[to] = sum;
    }
  }
  return data;
}

// Rows beyond a tile, columns beyond two, a depth beyond one; edges of every size; too few rows to pack.
test.each([
  [1, 1, 1],
  [1, 130, 7],
  [2, 7, 300],
  [3, 5, 0],
  [3, 5, 257],
  [4, 4, 4],
  [5, 6, 9],
  [7, 131, 258],
  [261, 9, 5],
])('%d x %d over %d: to the bit what a plain loop has, in every way', (rows, columns, depth) => {
  const wide = depth + 3;
  const b32 = noise32(columns * wide, 2);
  const b64 = noise64(columns * wide, 3);
  const a = noise64(rows * wide, 1);
  const turned: Operand = { data: a, offset: rows * wide - 1, rowStride: -1, depthStride: -rows };
  const operands: readonly (readonly [Operand, Operand])[] = [
    [rowsOf(a, wide), rowsOf(b32, wide)],
    [columnsOf(a, rows), rowsOf(b64, wide)],
    [turned, columnsOf(b64, columns)],
    [rowsOf(a, wide), columnsOf(b32, columns)],
  ];
  for (const [left, right] of operands) {
    for (const how of ['replace', 'add', 'subtract'] as const) {
      const out = { data: noise64(rows * (columns + 2) + 1, 4), offset: 1, rowStride: columns + 2 };
      const job: ProductJob = { kind: 'product', a: left, b: right, out, rows, columns, depth, how };
      const expected = plainly(job);
      multiply(threads, job);
      expect(Buffer.compare(Buffer.from(out.data.buffer), Buffer.from(expected.buffer))).toBe(0);
    }
  }
});

test('where B is triangular, its zeros are not read', () => {
  const n = 150;
  const b = noise64(n * n, 1);
  for (let row = 0; row < n; row++) b.fill(0, row * n, row * n + row);
  const job: ProductJob = {
    ...{ kind: 'product', a: rowsOf(noise64(9 * n, 2), n), b: rowsOf(b, n), how: 'replace' },
    ...{ rows: 9, columns: n, depth: n, out: { data: noise64(9 * n, 3), offset: 0, rowStride: n } },
  };
  const expected = plainly(job);
  // The columns of a tile end at 76: what is left of it there is never reached.
  for (let row = 76; row < n; row++) b[row * n] = Number.NaN;
  multiply(threads, { ...job, shape: 'triangular' });
  expect([...job.out.data]).toEqual([...expected]);
});

test('Gram: symmetric, over tiles, and in any pieces of rows', () => {
  const [rows, columns] = [20, 300];
  const x = noise64(rows * columns, 1);
  const whole = new Float64Array(columns * columns);
  addGram(threads, x, columns, whole);
  for (let i = 0; i < columns; i += 7) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += x[row * columns + i]! * x[row * columns + j]!;
      expect(whole[i * columns + j]).toBe(sum);
    }
  }
  const pieces = new Float64Array(columns * columns);
  for (const [from, to] of [
    [0, 1],
    [1, 14],
    [14, 20],
  ] as const)
    addGram(threads, x.subarray(from * columns, to * columns), columns, pieces);
  expect(Buffer.compare(Buffer.from(pieces.buffer), Buffer.from(whole.buffer))).toBe(0);
});
