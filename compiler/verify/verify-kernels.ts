import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { jobCost } from './job-cost.ts';
import type { KernelVerification, VerificationJob } from './verification.ts';
import { verifyKernel } from './verify-kernel.ts';

export interface VerifyOptions {
  /** The built worker module; without it jobs run in this thread, one after the other. */
  readonly worker?: URL;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Part of all the work that is done, 0…1, in estimated MACs. */
  readonly onProgress?: (fraction: number) => void;
  readonly onKernel?: (result: KernelVerification) => void;
}

/** What a worker says: how far its job is, or its result. */
export type WorkerReply =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'done'; readonly result: KernelVerification };

/** Verifies every job, the longest first, over worker threads. Results come in the order of the jobs. */
export async function verifyKernels(
  jobs: readonly VerificationJob[],
  options: VerifyOptions = {},
): Promise<readonly KernelVerification[]> {
  const costs = jobs.map(jobCost);
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const done = jobs.map(() => 0);
  const results = new Map<number, KernelVerification>();
  const queue = jobs.map((_, index) => index).sort((a, b) => (costs[b] ?? 0) - (costs[a] ?? 0));
  const note = (index: number, fraction: number): void => {
    done[index] = (costs[index] ?? 0) * fraction;
    options.onProgress?.(done.reduce((sum, part) => sum + part, 0) / Math.max(1, total));
  };
  const finish = (index: number, result: KernelVerification): void => {
    results.set(index, result);
    note(index, 1);
    options.onKernel?.(result);
  };

  const lane = async (): Promise<void> => {
    const runner = options.worker === undefined ? runHere : startWorker(options.worker, options.signal);
    try {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const job = jobs[index];
        if (job === undefined || options.signal?.aborted === true) return;
        finish(index, await runner.run(job, (fraction) => note(index, fraction)));
      }
    } finally {
      await runner.stop();
    }
  };
  const threads = options.worker === undefined ? 1 : (options.threads ?? availableParallelism());
  await Promise.all(Array.from({ length: Math.min(threads, jobs.length) }, lane));
  options.signal?.throwIfAborted();
  return jobs.flatMap((_, index) => results.get(index) ?? []);
}

interface Runner {
  run(job: VerificationJob, onProgress: (fraction: number) => void): Promise<KernelVerification>;
  stop(): Promise<unknown>;
}

const runHere: Runner = {
  run: (job, onProgress) => Promise.resolve(verifyKernel(job, ({ fraction }) => onProgress(fraction))),
  stop: () => Promise.resolve(),
};

function startWorker(url: URL, signal: AbortSignal | undefined): Runner {
  const worker = new Worker(url);
  const stop = (): Promise<unknown> => worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  return {
    stop,
    run: (job, onProgress) =>
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
        worker.postMessage(job);
      }),
  };
}
