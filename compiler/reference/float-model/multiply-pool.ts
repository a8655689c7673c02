import { makeSharedRoom } from '../../support/shared-room.ts';
import { openWorkPool } from '../../support/work-pool.ts';
import { addBias, type MultiplyWeights, multiplyChannels, multiplyWeights } from './multiply-weights.ts';

/** What a thread is given of a product: all buffers are shared, nothing is copied. */
export interface MultiplyJob {
  readonly rows: number;
  readonly columns: number;
  readonly x: Float64Array;
  readonly weights: Float32Array;
  /** [rows, n] */
  readonly out: Float64Array;
  readonly n: number;
  readonly from: number;
  readonly to: number;
}

export interface MultiplyPool {
  /** multiplyWeights on all threads: the same sums in the same order, so the same bits. */
  readonly multiply: MultiplyWeights;
  close(): Promise<void>;
}

/** Below this many products a thread of its own costs more than it saves. */
const leastWork = 2 ** 21;

/**
 * Threads that share the channels of each product with the caller. `workerUrl` is multiply-worker, bundled; weights are
 * shared where their buffer is (see openWeights), else copied each time.
 */
export async function openMultiplyPool(workerUrl: URL, threads: number): Promise<MultiplyPool> {
  const pool = await openWorkPool<MultiplyJob>(workerUrl, threads);
  return {
    multiply: multiplyOnPool(pool.threads, (jobs) => pool.run(jobs, runMultiplyJob)),
    close: pool.close,
  };
}

/** multiplyWeights by whatever runs up to `threads` jobs at once. */
export function multiplyOnPool(
  threads: number,
  run: (jobs: readonly MultiplyJob[]) => void,
): MultiplyWeights {
  const room = makeSharedRoom();
  return (x, weights, bias, out, offset) => {
    const n = weights.length / x.columns;
    if (threads === 1 || weights.length * x.rows < leastWork)
      return multiplyWeights(x, weights, bias, out, offset);
    const share = Math.ceil(n / threads / 4) * 4;
    const job = {
      ...{ rows: x.rows, columns: x.columns, n, x: room.floats64('x', x.data) },
      weights: weights.buffer instanceof SharedArrayBuffer ? weights : room.floats32('weights', weights),
      out: new Float64Array(room.take('out', 8 * x.rows * n), 0, x.rows * n),
    };
    run(
      Array.from({ length: threads }, (_, index): MultiplyJob => {
        const from = Math.min(n, index * share);
        return { ...job, from, to: Math.min(n, from + share) };
      }),
    );
    for (let row = 0; row < x.rows; row++)
      out.data.set(job.out.subarray(row * n, (row + 1) * n), row * out.columns + offset);
    addBias(bias, out, offset);
  };
}

export function runMultiplyJob({ rows, columns, x, weights, out, n, from, to }: MultiplyJob): void {
  multiplyChannels({ rows, columns, data: x }, weights, { rows, columns: n, data: out }, 0, { from, to });
}
