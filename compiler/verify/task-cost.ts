import type { CudaFamilyTable } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import type { VerifyTask } from './verification.ts';

/** Work that every launch costs beside its MACs: data, shadow memory, comparison. In MACs; only ratios matter. */
const launchCost = 5e6;

/** Rough size of a task, to start the longest first and to say how far a run is. */
export function taskCost(task: VerifyTask): number {
  const families: CudaFamilyTable = cudaFamilies;
  if (task.kind === 'kernel') {
    const { spec, launches } = task.job;
    return launches.reduce(
      (sum, { tokens, tiles }) =>
        sum + launchCost + families[spec.family].verificationCost(spec, tokens, tiles),
      0,
    );
  }
  const { tokens, linear } = task.job;
  return launchCost + tokens * linear.spec.problem.k * 5000;
}
