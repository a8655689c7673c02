import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { assert } from '../support/assert.ts';
import { makeSharedRoom } from '../support/shared-room.ts';
import type { Perform, Threads } from './threads.ts';

/** What a thread is started with. */
export interface Seat {
  readonly port: MessagePort;
  readonly control: Int32Array;
}

/** Words of the control block: jobs asked for, next task of this one, threads done with it, threads that failed. */
export const controlWord = { asked: 0, next: 1, done: 2, failed: 3 } as const;

/** A job and how many tasks it has, as a thread is sent it: its buffers are shared, not copied. */
export interface SentJob<J> {
  readonly job: J;
  readonly tasks: number;
}

export interface OpenThreads<J> extends Threads<J> {
  close(): Promise<void>;
}

/**
 * Starts `count - 1` workers beside the caller, who does tasks too and waits for the others without returning to the event
 * loop: what computes with them stays a plain function. `workerUrl` is a bundled module that calls serveTasks with the same `perform`.
 */
export async function openThreads<J>(
  workerUrl: URL,
  count: number,
  perform: Perform<J>,
): Promise<OpenThreads<J>> {
  const control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(controlWord).length));
  const members = Array.from({ length: count - 1 }, () => {
    const { port1, port2 } = new MessageChannel();
    const seat: Seat = { port: port2, control };
    return { port: port1, worker: new Worker(workerUrl, { workerData: seat, transferList: [port2] }) };
  });
  await Promise.all(members.map(({ worker }) => untilReady(worker)));

  const run = (job: J, tasks: number): void => {
    // A lone task is quicker done than sent.
    const helpers = tasks > 1 ? members : [];
    Atomics.store(control, controlWord.next, 0);
    Atomics.store(control, controlWord.done, 0);
    Atomics.store(control, controlWord.failed, 0);
    for (const { port } of helpers) port.postMessage({ job, tasks } satisfies SentJob<J>);
    if (helpers.length > 0) {
      Atomics.add(control, controlWord.asked, 1);
      Atomics.notify(control, controlWord.asked);
    }
    try {
      performTasks(control, { job, tasks }, perform);
    } finally {
      for (let done = 0; done < helpers.length; done = Atomics.load(control, controlWord.done))
        Atomics.wait(control, controlWord.done, done);
    }
    const failed = Atomics.load(control, controlWord.failed) > 0;
    assert(!failed, `every thread does its tasks: ${failed ? receiveFailure(members) : ''}`);
  };
  return {
    count,
    room: makeSharedRoom(),
    run,
    close: async () => {
      await Promise.all(members.map(({ worker }) => worker.terminate()));
      for (const { port } of members) port.close();
    },
  };
}

/** Takes tasks until none is left: what every thread does of a job. */
export function performTasks<J>(control: Int32Array, { job, tasks }: SentJob<J>, perform: Perform<J>): void {
  for (;;) {
    const task = Atomics.add(control, controlWord.next, 1);
    if (task >= tasks) return;
    perform(job, task);
  }
}

function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
}

function receiveFailure(members: readonly { readonly port: MessagePort }[]): string {
  const texts = members.flatMap(({ port }) => receiveMessageOnPort(port)?.message ?? []);
  return texts.map(String).join('; ');
}
