import { performProduct } from '../linear-algebra/product.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { type OracleJob, runOracleJob } from './oracle-job.ts';
import { type PtxJob, runPtxJob } from './ptx-job.ts';

/** What threads of an evaluation are given. */
export type EvaluateJob =
  | ProductJob
  | { readonly kind: 'oracle'; readonly jobs: readonly OracleJob[] }
  | { readonly kind: 'ptx'; readonly jobs: readonly PtxJob[] };

export function performEvaluate(job: EvaluateJob, task: number): void {
  if (job.kind === 'product') performProduct(job, task);
  else if (job.kind === 'oracle') job.jobs.slice(task, task + 1).forEach(runOracleJob);
  else job.jobs.slice(task, task + 1).forEach(runPtxJob);
}
