import type { QuantizeProblem } from '../../../ir/problem.ts';
import type { CudaTarget } from '../../../targets/target.ts';
import type { Support } from '../family.ts';
import { quantizeSharedBytes } from './geometry.ts';

/** The most values a thread may hold in registers: 8 vectors of 8, beyond which ptxas spills at 1024 threads. */
const longestRow = 1024 * 8 * 8;

/** Whether the quantize template can serve `problem` on `target`, or the first reason why not. */
export function supportsQuantize(problem: QuantizeProblem, target: CudaTarget): Support {
  const bytes = quantizeSharedBytes(problem);
  if (bytes > target.limits.sharedBytesPerBlock) {
    return {
      supported: false,
      reason: `a row of ${problem.k} columns takes ${bytes} bytes of shared memory, ${target.id} has ${target.limits.sharedBytesPerBlock}`,
      nearest: `K up to ${Math.floor(target.limits.sharedBytesPerBlock / 2 / 1024) * 1024}`,
    };
  }
  if (problem.k > longestRow) {
    return { supported: false, reason: `rows are held in registers: at most ${longestRow} columns` };
  }
  return { supported: true };
}
