import { evaluate } from '../../ir/formula.ts';
import type { VerificationJob, VerifyTask } from './verification.ts';

/** Work that every launch costs beside its MACs: data, shadow memory, comparison. In MACs; only ratios matter. */
const launchCost = 5e6;

/** Rough size of a task, to start the longest first and to say how far a run is. */
export function taskCost(task: VerifyTask): number {
  if (task.kind === 'kernel') return kernelCost(task.job);
  const { tokens, linear } = task.job;
  return launchCost + tokens * linear.spec.problem.k * 5000;
}

function kernelCost(job: VerificationJob): number {
  const { spec, contract } = job;
  return job.launches.reduce((sum, { tokens, tiles: sampled }) => {
    const ctas = contract.launch.grid.reduce((product, extent) => product * evaluate(extent, tokens), 1);
    if (spec.family === 'quantize') {
      return sum + launchCost + Math.min(ctas, sampled ?? ctas) * spec.problem.k * 100;
    }
    const { problem, schedule } = spec;
    const slices = schedule.kind === 'tiled' ? 1 : evaluate(contract.launch.grid[2], tokens);
    const tiles = ctas / slices;
    const area = schedule.tileN * schedule.tileM;
    // FP16 MMAs round every partial sum and cost about eight times an integer MAC.
    const macs = area * (problem.k + 7 * problem.outliers);
    return sum + launchCost + Math.min(tiles, sampled ?? tiles) * macs;
  }, 0);
}
