import { performProduct } from '../linear-algebra/product.ts';
import type { ProductJob } from '../linear-algebra/product-job.ts';
import { type GptqRowsJob, performGptqRows } from './gptq-rows.ts';
import { performRoundRows, type RoundRowsJob } from './round-rows.ts';

/** All that threads do when linears are quantised. */
export type QuantiseJob = ProductJob | RoundRowsJob | GptqRowsJob;

export function performQuantise(job: QuantiseJob, task: number): void {
  if (job.kind === 'product') performProduct(job, task);
  else if (job.kind === 'round-rows') performRoundRows(job, task);
  else performGptqRows(job, task);
}
