import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { controlWord, performTasks, type Seat, type SentJob } from './open-threads.ts';
import type { Perform } from './threads.ts';

/** A worker's life: waits for the count of jobs to rise, takes tasks of the job with the others, counts itself done. Does not return. */
export function serveTasks<J>(perform: Perform<J>): never {
  const { port, control } = workerData as Seat;
  parentPort?.postMessage('ready');
  for (let seen = 0; ; seen++) {
    Atomics.wait(control, controlWord.asked, seen);
    try {
      performTasks(control, receiveMessageOnPort(port)?.message as SentJob<J>, perform);
    } catch (cause) {
      Atomics.add(control, controlWord.failed, 1);
      port.postMessage(cause instanceof Error ? cause.message : String(cause));
    }
    Atomics.add(control, controlWord.done, 1);
    Atomics.notify(control, controlWord.done);
  }
}
