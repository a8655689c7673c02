import { type MultiplyJob, runMultiplyJob } from '../reference/float-model/multiply-pool.ts';
import { type OracleJob, runOracleJob } from './oracle-job.ts';

/** What threads of an evaluation are given. */
export type EvaluateJob =
  | { readonly kind: 'multiply'; readonly job: MultiplyJob }
  | { readonly kind: 'oracle'; readonly job: OracleJob };

export function runEvaluateJob(each: EvaluateJob): void {
  if (each.kind === 'multiply') runMultiplyJob(each.job);
  else runOracleJob(each.job);
}
