import { rowsOf } from '../../linear-algebra/operand.ts';
import { multiply, performProduct } from '../../linear-algebra/product.ts';
import type { ProductJob } from '../../linear-algebra/product-job.ts';
import { oneThread } from '../../linear-algebra/threads.ts';
import type { Matrix } from './matrix.ts';

/**
 * Columns `offset` to `offset + n` of `out` [M, …] become x · Wᵀ (+ bias), with x [M, K] and W [n, K] row-major, summed in
 * float64 in the order of k.
 */
export type MultiplyWeights = (
  x: Matrix,
  weights: Float32Array,
  bias: Float32Array | undefined,
  out: Matrix,
  offset: number,
) => void;

const alone = oneThread<ProductJob>(performProduct);

export const multiplyWeights: MultiplyWeights = (x, weights, bias, out, offset) => {
  multiply(alone, weightProduct(x, weights, out, offset));
  addBias(bias, out, offset);
};

/** x · Wᵀ, to be written to the columns of `out` from `offset` on. */
export function weightProduct(x: Matrix, weights: Float32Array, out: Matrix, offset: number): ProductJob {
  const { rows, columns: depth } = x;
  return {
    ...{ kind: 'product', how: 'replace', rows, columns: weights.length / depth, depth },
    ...{ a: rowsOf(x.data, depth), b: rowsOf(weights, depth) },
    out: { data: out.data, offset, rowStride: out.columns },
  };
}

export function addBias(bias: Float32Array | undefined, out: Matrix, offset: number): void {
  if (bias === undefined) return;
  for (let row = 0; row < out.rows; row++) {
    const start = row * out.columns + offset;
    for (let channel = 0; channel < bias.length; channel++)
      out.data[start + channel] = (out.data[start + channel] ?? 0) + (bias[channel] ?? 0);
  }
}
