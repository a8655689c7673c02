// A thread of a multiply pool: waits for the count of products to rise, takes its job, computes its channels, counts itself done.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { controlWord, type MultiplyJob, type MultiplySeat } from './multiply-pool.ts';
import { multiplyChannels } from './multiply-weights.ts';

const { port, control } = workerData as MultiplySeat;
parentPort?.postMessage('ready');

for (let seen = 0; ; seen++) {
  Atomics.wait(control, controlWord.asked, seen);
  try {
    const received = receiveMessageOnPort(port)?.message as MultiplyJob;
    const { rows, columns, x, weights, out, n, from, to } = received;
    const result = { rows, columns: n, data: out };
    multiplyChannels({ rows, columns, data: x }, weights, result, 0, { from, to });
  } catch {
    Atomics.add(control, controlWord.failed, 1);
  }
  Atomics.add(control, controlWord.done, 1);
  Atomics.notify(control, controlWord.done);
}
