import { openThreads } from '../linear-algebra/open-threads.ts';
import { oneThread, type Threads } from '../linear-algebra/threads.ts';
import { multiplyOn } from '../reference/float-model/multiply-pool.ts';
import type { MultiplyWeights } from '../reference/float-model/multiply-weights.ts';
import type { SharedRoom } from '../support/shared-room.ts';
import { type EvaluateJob, performEvaluate } from './evaluate-job.ts';
import type { OracleJob } from './oracle-job.ts';
import type { PtxJob } from './ptx-job.ts';

/** What computes products and launches on several threads, the caller's among them. */
export interface EvaluatePool {
  readonly threads: number;
  readonly multiply: MultiplyWeights;
  /** For what jobs read and write. */
  readonly room: SharedRoom;
  /** Runs jobs on all threads; so does runPtx. */
  runOracle(jobs: readonly OracleJob[]): void;
  runPtx(jobs: readonly PtxJob[]): void;
  close(): Promise<void>;
}

/** `workerUrl` is evaluate-worker, bundled. */
export async function openEvaluatePool(workerUrl: URL, count: number): Promise<EvaluatePool> {
  const threads = await openThreads(workerUrl, count, performEvaluate);
  return { ...toEvaluatePool(threads), close: () => threads.close() };
}

function toEvaluatePool(threads: Threads<EvaluateJob>) {
  return {
    threads: threads.count,
    room: threads.room,
    multiply: multiplyOn(threads),
    runOracle: (jobs: readonly OracleJob[]) => threads.run({ kind: 'oracle', jobs }, jobs.length),
    runPtx: (jobs: readonly PtxJob[]) => threads.run({ kind: 'ptx', jobs }, jobs.length),
  };
}

/** The caller's thread alone. */
export const noPool: EvaluatePool = {
  ...toEvaluatePool(oneThread(performEvaluate)),
  close: () => Promise.resolve(),
};
