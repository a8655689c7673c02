import { type MultiplyJob, runMultiplyJob } from '../reference/float-model/multiply-pool.ts';
import { type OracleJob, runOracleJob } from './oracle-job.ts';
import { type PtxJob, runPtxJob } from './ptx-job.ts';

/** What threads of an evaluation are given. */
export type EvaluateJob =
  | { readonly kind: 'multiply'; readonly job: MultiplyJob }
  | { readonly kind: 'oracle'; readonly job: OracleJob }
  | { readonly kind: 'ptx'; readonly job: PtxJob };

export function runEvaluateJob(each: EvaluateJob): void {
  switch (each.kind) {
    case 'multiply':
      runMultiplyJob(each.job);
      break;
    case 'oracle':
      runOracleJob(each.job);
      break;
    case 'ptx':
      runPtxJob(each.job);
      break;
  }
}
