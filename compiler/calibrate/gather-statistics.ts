import { addGram } from '../linear-algebra/add-gram.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import type { Threads } from '../linear-algebra/threads.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';

/** Statistics in the making, of a value of K features. */
export interface StatisticsGatherer {
  /** The rows of a window, from its first token on. */
  add(rows: Matrix): void;
  /** Undefined where a value was not finite. */
  finish(): LinearStatistics | undefined;
}

export interface GatherOptions {
  /** What computes Xᵀ X, where that is wanted too. */
  readonly threads: Threads<ProductJob>;
  /** [K, K] in shared memory, where there are more threads: Xᵀ X is gathered there. */
  readonly gram: Float64Array;
}

/** With `grams`, Xᵀ X too. Takes the threads' room for `x`. */
export function gatherStatistics(k: number, grams?: GatherOptions): StatisticsGatherer {
  const first = new Float64Array(k);
  const rest = new Float64Array(k);
  grams?.gram.fill(0);
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
      if (grams === undefined) return;
      const { threads, gram } = grams;
      addGram(threads, threads.count === 1 ? rows.data : threads.room.share64('x', rows.data), k, gram);
    },
    finish() {
      const absMaxRest = Float32Array.from(rest);
      const absMax = Float32Array.from(rest, (size, column) => Math.max(size, first[column] ?? 0));
      if (!finite || !absMax.every(Number.isFinite)) return undefined;
      return { absMax, absMaxRest, ...(grams === undefined ? {} : { gram: grams.gram }) };
    },
  };
}
