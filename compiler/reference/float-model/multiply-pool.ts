import { openThreads } from '../../linear-algebra/open-threads.ts';
import { leastWork, multiply, performProduct } from '../../linear-algebra/product.ts';
import type { ProductJob } from '../../linear-algebra/product-job.ts';
import type { Threads } from '../../linear-algebra/threads.ts';
import { addBias, type MultiplyWeights, multiplyWeights, weightProduct } from './multiply-weights.ts';

export interface MultiplyPool {
  /** multiplyWeights on all threads: the same sums in the same order, so the same bits. */
  readonly multiply: MultiplyWeights;
  close(): Promise<void>;
}

/** `workerUrl` is multiply-worker, bundled. */
export async function openMultiplyPool(workerUrl: URL, threads: number): Promise<MultiplyPool> {
  const opened = await openThreads<ProductJob>(workerUrl, threads, performProduct);
  return { multiply: multiplyOn(opened), close: () => opened.close() };
}

/**
 * multiplyWeights on threads that are open, whatever else they do. The caller waits for them without returning to the event loop: a
 * model in float64 stays a plain function. Weights are shared where their buffer is (see openWeights), else copied each time. Takes the
 * threads' room for `x`, `weights` and `product`.
 */
export function multiplyOn(threads: Threads<ProductJob>): MultiplyWeights {
  const { room } = threads;
  return (x, weights, bias, out, offset) => {
    if (threads.count === 1 || weights.length * x.rows < leastWork)
      return multiplyWeights(x, weights, bias, out, offset);
    const n = weights.length / x.columns;
    const result = room.take64('product', x.rows * n);
    const shared = room.share32('weights', weights);
    const given = { ...x, data: room.share64('x', x.data) };
    multiply(threads, weightProduct(given, shared, { rows: x.rows, columns: n, data: result }, 0));
    for (let row = 0; row < x.rows; row++)
      out.data.set(result.subarray(row * n, (row + 1) * n), row * out.columns + offset);
    addBias(bias, out, offset);
  };
}
