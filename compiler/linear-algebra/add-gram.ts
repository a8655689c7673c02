import { columnsOf } from './operand.ts';
import { multiply } from './product.ts';
import type { ProductJob } from './product-job.ts';
import type { Threads } from './threads.ts';

/**
 * gram [columns, columns] += Xᵀ · X, symmetric to the bit, with X [rows, columns] row-major: each element summed in the order of
 * rows, so that rows may come in any pieces. Both in shared memory, where there are more threads.
 */
export function addGram(
  threads: Threads<ProductJob>,
  x: Float64Array,
  columns: number,
  gram: Float64Array,
): void {
  const operand = columnsOf(x, columns);
  multiply(threads, {
    ...{ kind: 'product', how: 'add', shape: 'symmetric', a: operand, b: operand },
    ...{ rows: columns, columns, depth: x.length / columns },
    out: { data: gram, offset: 0, rowStride: columns },
  });
}
