import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import type { Support } from '../../family.ts';
import { longestRow, whyTooLong } from './schedule-space.ts';

/** Whether the quantize template can serve `problem` on `target`, or the first reason why not. */
export function supportsQuantize(problem: QuantizeProblem, target: CudaTarget): Support {
  const reason = whyTooLong(problem, target);
  if (reason === undefined) return { supported: true };
  return { supported: false, reason, nearest: `K up to ${longestRow(problem, target)}, a multiple of 8` };
}
