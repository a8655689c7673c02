import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { runTask } from './run-task.ts';
import { taskCost } from './task-cost.ts';
import type { TaskResult, VerifyTask } from './verification.ts';

export interface VerifyOptions {
  /** The built worker module; without it tasks run in this thread, one after the other. */
  readonly worker?: URL;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Part of all the work that is done, 0…1, in estimated MACs. */
  readonly onProgress?: (fraction: number) => void;
}

/** What a worker says: how far its task is, or its result. */
export type WorkerReply =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'done'; readonly result: TaskResult };

/** Runs every task, the longest first, over worker threads. Results come in the order of the tasks. */
export async function runTasks(
  tasks: readonly VerifyTask[],
  options: VerifyOptions = {},
): Promise<readonly TaskResult[]> {
  const costs = tasks.map(taskCost);
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const done = tasks.map(() => 0);
  const results = new Map<number, TaskResult>();
  const queue = tasks.map((_, index) => index).sort((a, b) => (costs[b] ?? 0) - (costs[a] ?? 0));
  const note = (index: number, fraction: number): void => {
    done[index] = (costs[index] ?? 0) * fraction;
    options.onProgress?.(done.reduce((sum, part) => sum + part, 0) / Math.max(1, total));
  };
  const finish = (index: number, result: TaskResult): void => {
    results.set(index, result);
    note(index, 1);
  };

  const lane = async (): Promise<void> => {
    const runner = options.worker === undefined ? runHere : startWorker(options.worker, options.signal);
    try {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const task = tasks[index];
        if (task === undefined || options.signal?.aborted === true) return;
        finish(index, await runner.run(task, (fraction) => note(index, fraction)));
      }
    } finally {
      await runner.stop();
    }
  };
  const threads = options.worker === undefined ? 1 : (options.threads ?? availableParallelism());
  await Promise.all(Array.from({ length: Math.min(threads, tasks.length) }, lane));
  options.signal?.throwIfAborted();
  return tasks.flatMap((_, index) => results.get(index) ?? []);
}

interface Runner {
  run(task: VerifyTask, onProgress: (fraction: number) => void): Promise<TaskResult>;
  stop(): Promise<unknown>;
}

const runHere: Runner = {
  run: runTask,
  stop: () => Promise.resolve(),
};

function startWorker(url: URL, signal: AbortSignal | undefined): Runner {
  const worker = new Worker(url);
  const stop = (): Promise<unknown> => {
    signal?.removeEventListener('abort', stop);
    return worker.terminate();
  };
  signal?.addEventListener('abort', stop, { once: true });
  return {
    stop,
    run: (task, onProgress) =>
      new Promise((resolve, reject) => {
        const settle = (action: () => void): void => {
          worker.off('message', onMessage);
          worker.off('error', onError);
          worker.off('exit', onExit);
          action();
        };
        const onMessage = (reply: WorkerReply): void => {
          if (reply.kind === 'progress') onProgress(reply.fraction);
          else settle(() => resolve(reply.result));
        };
        const onError = (cause: Error): void => settle(() => reject(cause));
        const onExit = (): void =>
          settle(() => reject(signal?.reason ?? new Error('a verify worker stopped')));
        worker.on('message', onMessage);
        worker.on('error', onError);
        worker.on('exit', onExit);
        worker.postMessage(task);
      }),
  };
}
