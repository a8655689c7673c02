import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import type { Support } from '../../family.ts';
import { quantizeSharedBytes } from '../geometry.ts';
import { holdsRow, longestRow } from './schedule-space.ts';

/** Whether the quantize template can serve `problem` on `target`, or the first reason why not. */
export function supportsQuantize(problem: QuantizeProblem, target: CudaTarget): Support {
  if (!holdsRow(problem, target)) {
    return {
      supported: false,
      reason: `a row is held in the registers of one CTA, and ${problem.k} columns with the prologue ${problem.prologue.op} are too many`,
      nearest: `K up to ${longestRow(problem, target)}, a multiple of 8`,
    };
  }
  const bytes = quantizeSharedBytes(problem);
  if (bytes > target.limits.sharedBytesPerBlock) {
    return {
      supported: false,
      reason: `a row of ${problem.k} columns, ${problem.outliers} of them outliers, takes ${bytes} bytes of shared memory, ${target.id} has ${target.limits.sharedBytesPerBlock}`,
    };
  }
  return { supported: true };
}
