import { addGram } from '../linear-algebra/add-gram.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { sharedFloats64, type Threads } from '../linear-algebra/threads.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';

/** Statistics in the making, of a value of K features. */
export interface StatisticsGatherer {
  /** The rows of a window, from its first token on. */
  add(rows: Matrix): void;
  /** Undefined where a value was not finite. */
  finish(): LinearStatistics | undefined;
}

/** With `grams`, the threads that compute it, Xᵀ X too. */
export function gatherStatistics(
  k: number,
  options: { readonly grams?: Threads<ProductJob> } = {},
): StatisticsGatherer {
  const { grams: threads } = options;
  const first = new Float64Array(k);
  const rest = new Float64Array(k);
  const gram = threads === undefined ? undefined : sharedFloats64(k * k);
  let finite = true;
  const raise = (maxima: Float64Array, { data }: Matrix, from: number, to: number) => {
    for (let row = from; row < to; row++) {
      for (let column = 0; column < k; column++) {
        const size = Math.abs(data[row * k + column] ?? 0);
        // A NaN is not at most anything: it comes in here, as an infinity does.
        if (size <= (maxima[column] ?? 0)) continue;
        finite &&= Number.isFinite(size);
        maxima[column] = size;
      }
    }
  };
  return {
    add(rows) {
      raise(first, rows, 0, Math.min(rows.rows, 1));
      raise(rest, rows, 1, rows.rows);
      if (threads === undefined || gram === undefined) return;
      const x = threads.count === 1 ? rows.data : sharedFloats64(rows.data.length);
      if (x !== rows.data) x.set(rows.data);
      addGram(threads, x, k, gram);
    },
    finish() {
      const absMaxRest = Float32Array.from(rest);
      const absMax = Float32Array.from(rest, (size, column) => Math.max(size, first[column] ?? 0));
      if (!finite || !absMax.every(Number.isFinite)) return undefined;
      return { absMax, absMaxRest, ...(gram === undefined ? {} : { gram }) };
    },
  };
}
