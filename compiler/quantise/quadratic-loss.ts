import { rowsOf } from '../linear-algebra/operand.ts';
import { multiply } from '../linear-algebra/product.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';

/** Rows at a time: what is kept beside the operands is two of [256, K]. */
const mostRows = 256;

/**
 * tr((W - Ŵ) · XᵀX · (W - Ŵ)ᵀ): the squares of what the linear's outputs are off by, summed over all channels and all tokens of
 * `gram`, activations not quantised. `weights` [N, K] before, `gram` [K, K] symmetric. Takes the threads' room for `hessian`, where
 * `gram` is not shared, `differences` and `products`.
 */
export function quadraticLoss(
  threads: Threads<ProductJob>,
  weights: Float32Array,
  linear: QuantisedLinear,
  gram: Float64Array,
): number {
  const { n, k } = linear;
  const { room } = threads;
  const shared = threads.count === 1 ? gram : room.share64('hessian', gram);
  const [differences, products] = [
    room.take64('differences', mostRows * k),
    room.take64('products', mostRows * k),
  ];
  let loss = 0;
  for (let first = 0; first < n; first += mostRows) {
    const rows = Math.min(mostRows, n - first);
    for (let row = 0; row < rows; row++)
      subtractRow(weights, linear, first + row, differences.subarray(row * k, (row + 1) * k));
    multiply(threads, {
      ...{ kind: 'product', how: 'replace', rows, columns: k, depth: k },
      ...{
        a: rowsOf(differences, k),
        b: rowsOf(shared, k),
        out: { data: products, offset: 0, rowStride: k },
      },
    });
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let at = row * k; at < (row + 1) * k; at++) sum += (differences[at] ?? 0) * (products[at] ?? 0);
      loss += sum;
    }
  }
  return loss;
}

/** W - Ŵ of a channel. */
function subtractRow(
  weights: Float32Array,
  linear: QuantisedLinear,
  channel: number,
  into: Float64Array,
): void {
  const { k, codes, scales, outlierColumns, outlierWeights } = linear;
  const scale = scales[channel] ?? 0;
  for (let column = 0; column < k; column++)
    into[column] = (weights[channel * k + column] ?? 0) - scale * (codes[channel * k + column] ?? 0);
  outlierColumns.forEach((column, index) => {
    into[column] =
      (weights[channel * k + column] ?? 0) - (outlierWeights[channel * outlierColumns.length + index] ?? 0);
  });
}
