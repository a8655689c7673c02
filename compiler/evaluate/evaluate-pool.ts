import { multiplyOnPool } from '../reference/float-model/multiply-pool.ts';
import { type MultiplyWeights, multiplyWeights } from '../reference/float-model/multiply-weights.ts';
import { openWorkPool } from '../support/work-pool.ts';
import { type EvaluateJob, runEvaluateJob } from './evaluate-job.ts';
import type { OracleJob } from './oracle-job.ts';

/** What computes products on several threads, the caller's among them. */
export interface EvaluatePool {
  readonly threads: number;
  readonly multiply: MultiplyWeights;
  /** Runs up to `threads` jobs at once. */
  runOracle(jobs: readonly OracleJob[]): void;
  close(): Promise<void>;
}

/** `workerUrl` is evaluate-worker, bundled. */
export async function openEvaluatePool(workerUrl: URL, threads: number): Promise<EvaluatePool> {
  const pool = await openWorkPool<EvaluateJob>(workerUrl, threads);
  return {
    threads: pool.threads,
    multiply: multiplyOnPool(pool.threads, (jobs) =>
      pool.run(
        jobs.map((job) => ({ kind: 'multiply', job })),
        runEvaluateJob,
      ),
    ),
    runOracle: (jobs) =>
      pool.run(
        jobs.map((job) => ({ kind: 'oracle', job })),
        runEvaluateJob,
      ),
    close: () => pool.close(),
  };
}

/** The caller's thread alone. */
export const noPool: EvaluatePool = {
  threads: 1,
  multiply: multiplyWeights,
  runOracle: (jobs) => {
    for (const job of jobs) runEvaluateJob({ kind: 'oracle', job });
  },
  close: () => Promise.resolve(),
};
