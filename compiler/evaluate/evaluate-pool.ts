import { multiplyOnPool } from '../reference/float-model/multiply-pool.ts';
import { type MultiplyWeights, multiplyWeights } from '../reference/float-model/multiply-weights.ts';
import { openWorkPool, type WorkPool } from '../support/work-pool.ts';
import { type EvaluateJob, runEvaluateJob } from './evaluate-job.ts';
import type { OracleJob } from './oracle-job.ts';
import type { PtxJob } from './ptx-job.ts';

/** What computes products and launches on several threads, the caller's among them. */
export interface EvaluatePool {
  readonly threads: number;
  readonly multiply: MultiplyWeights;
  /** Runs up to `threads` jobs at once; so does runPtx. */
  runOracle(jobs: readonly OracleJob[]): void;
  runPtx(jobs: readonly PtxJob[]): void;
  close(): Promise<void>;
}

/** `workerUrl` is evaluate-worker, bundled. */
export async function openEvaluatePool(workerUrl: URL, threads: number): Promise<EvaluatePool> {
  const pool = await openWorkPool<EvaluateJob>(workerUrl, threads);
  return { ...toEvaluatePool(pool), close: () => pool.close() };
}

function toEvaluatePool({ threads, run }: Pick<WorkPool<EvaluateJob>, 'threads' | 'run'>) {
  const runAll = <Kind extends EvaluateJob['kind']>(
    kind: Kind,
    jobs: readonly Extract<EvaluateJob, { kind: Kind }>['job'][],
  ) =>
    run(
      jobs.map((job) => ({ kind, job }) as EvaluateJob),
      runEvaluateJob,
    );
  return {
    threads,
    multiply: multiplyOnPool(threads, (jobs) => runAll('multiply', jobs)),
    runOracle: (jobs: readonly OracleJob[]) => runAll('oracle', jobs),
    runPtx: (jobs: readonly PtxJob[]) => runAll('ptx', jobs),
  };
}

/** The caller's thread alone. */
export const noPool: EvaluatePool = {
  ...toEvaluatePool({ threads: 1, run: (jobs, here) => jobs.forEach(here) }),
  multiply: multiplyWeights,
  close: () => Promise.resolve(),
};
