import {
  MessageChannel,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { assert } from './assert.ts';

/** What a thread is started with. */
interface Seat {
  readonly port: MessagePort;
  readonly control: Int32Array;
}

/** Words of the control block: rounds of jobs asked for, threads done with the last one, threads that failed. */
const controlWord = { asked: 0, done: 1, failed: 2 } as const;

/**
 * Threads that share work with the caller, who waits for them without returning to the event loop: what uses them stays a
 * plain function. Jobs should hold shared memory only, for whatever else they hold is copied.
 */
export interface WorkPool<Job> {
  /** The caller's is one of them. */
  readonly threads: number;
  /** Runs up to `threads` jobs at once, the first in the caller's thread by `here`; returns when all are done. */
  run(jobs: readonly Job[], here: (job: Job) => void): void;
  close(): Promise<void>;
}

/** `workerUrl` is a module that calls {@link serveWork}, bundled. */
export async function openWorkPool<Job>(workerUrl: URL, threads: number): Promise<WorkPool<Job>> {
  const control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(controlWord).length));
  const members = Array.from({ length: threads - 1 }, () => {
    const { port1, port2 } = new MessageChannel();
    const seat: Seat = { port: port2, control };
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
  return {
    threads: members.length + 1,
    run(jobs, here) {
      assert(jobs.length <= members.length + 1, 'a thread has one job at a time');
      const [first, ...others] = jobs;
      if (others.length > 0) {
        Atomics.store(control, controlWord.done, 0);
        for (const [index, { port }] of members.entries()) port.postMessage(others[index] ?? null);
        Atomics.add(control, controlWord.asked, 1);
        Atomics.notify(control, controlWord.asked);
      }
      if (first !== undefined) here(first);
      if (others.length === 0) return;
      for (let done = 0; done < members.length; done = Atomics.load(control, controlWord.done))
        Atomics.wait(control, controlWord.done, done);
      assert(Atomics.load(control, controlWord.failed) === 0, 'every thread does its job');
    },
    close: async () => {
      await Promise.all(members.map(({ worker }) => worker.terminate()));
      for (const { port } of members) port.close();
    },
  };
}

/** A thread of a pool: waits for the count of rounds to rise, takes its job, if it has one, does it, counts itself done. */
export function serveWork<Job>(run: (job: Job) => void): never {
  const { port, control } = workerData as Seat;
  parentPort?.postMessage('ready');
  for (let seen = 0; ; seen++) {
    Atomics.wait(control, controlWord.asked, seen);
    try {
      const job = receiveMessageOnPort(port)?.message as Job | null;
      if (job !== null) run(job);
    } catch {
      Atomics.add(control, controlWord.failed, 1);
    }
    Atomics.add(control, controlWord.done, 1);
    Atomics.notify(control, controlWord.done);
  }
}
