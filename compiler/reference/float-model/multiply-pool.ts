import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { assert } from '../../support/assert.ts';
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

/** What a thread is started with. */
export interface MultiplySeat {
  readonly port: MessagePort;
  readonly control: Int32Array;
}

/** Words of the control block: products asked for, threads done with the last one, threads that failed. */
export const controlWord = { asked: 0, done: 1, failed: 2 } as const;

export interface MultiplyPool {
  /** multiplyWeights on all threads: the same sums in the same order, so the same bits. */
  readonly multiply: MultiplyWeights;
  close(): Promise<void>;
}

/** Below this many products a thread of its own costs more than it saves. */
const leastWork = 2 ** 21;

/**
 * Threads that share the channels of each product with the caller, who waits for them without returning to the event loop: a
 * model in float64 stays a plain function. `workerUrl` is multiply-worker, bundled; weights are shared where their buffer is (see
 * openWeights), else copied each time.
 */
export async function openMultiplyPool(workerUrl: URL, threads: number): Promise<MultiplyPool> {
  const control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(controlWord).length));
  const members = Array.from({ length: threads - 1 }, () => {
    const { port1, port2 } = new MessageChannel();
    const seat: MultiplySeat = { port: port2, control };
    return { port: port1, worker: new Worker(workerUrl, { workerData: seat, transferList: [port2] }) };
  });
  await Promise.all(
    members.map(
      ({ worker }) =>
        new Promise<void>((resolve, reject) => {
          worker.once('message', () => resolve());
          worker.once('error', reject);
        }),
    ),
  );
  const room = sharedRoom();
  const multiply: MultiplyWeights = (x, weights, bias, out, offset) => {
    const n = weights.length / x.columns;
    if (members.length === 0 || weights.length * x.rows < leastWork)
      return multiplyWeights(x, weights, bias, out, offset);
    const share = Math.ceil(n / (members.length + 1) / 4) * 4;
    const job = {
      ...{ rows: x.rows, columns: x.columns, n, x: room.floats64('x', x.data) },
      weights: weights.buffer instanceof SharedArrayBuffer ? weights : room.floats32('weights', weights),
      out: new Float64Array(room.take('out', 8 * x.rows * n), 0, x.rows * n),
    };
    Atomics.store(control, controlWord.done, 0);
    members.forEach(({ port }, index) => {
      const from = Math.min(n, (index + 1) * share);
      port.postMessage({ ...job, from, to: Math.min(n, from + share) } satisfies MultiplyJob);
    });
    Atomics.add(control, controlWord.asked, 1);
    Atomics.notify(control, controlWord.asked);
    multiplyChannels(x, weights, out, offset, { from: 0, to: Math.min(n, share) });
    for (let done = 0; done < members.length; done = Atomics.load(control, controlWord.done))
      Atomics.wait(control, controlWord.done, done);
    assert(Atomics.load(control, controlWord.failed) === 0, 'every thread computes its channels');
    for (let row = 0; row < x.rows; row++) {
      const mine = job.out.subarray(row * n + Math.min(n, share), (row + 1) * n);
      out.data.set(mine, row * out.columns + offset + Math.min(n, share));
    }
    addBias(bias, out, offset);
  };
  return {
    multiply,
    close: async () => {
      await Promise.all(members.map(({ worker }) => worker.terminate()));
      for (const { port } of members) port.close();
    },
  };
}

/**
 * Shared memory for what a product needs, one piece a purpose, used again and again: buffers of their own for each would be
 * gigabytes before they are collected.
 */
function sharedRoom() {
  const pieces = new Map<string, SharedArrayBuffer>();
  const take = (purpose: string, bytes: number): SharedArrayBuffer => {
    const kept = pieces.get(purpose);
    if (kept !== undefined && kept.byteLength >= bytes) return kept;
    const made = new SharedArrayBuffer(bytes);
    pieces.set(purpose, made);
    return made;
  };
  return {
    take,
    floats64(purpose: string, values: Float64Array): Float64Array {
      const copy = new Float64Array(take(purpose, values.byteLength), 0, values.length);
      copy.set(values);
      return copy;
    },
    floats32(purpose: string, values: Float32Array): Float32Array {
      const copy = new Float32Array(take(purpose, values.byteLength), 0, values.length);
      copy.set(values);
      return copy;
    },
  };
}
