import type { LinearProblem } from '../../../../ir/problem.ts';
import { findTarget } from '../../../../targets/index.ts';

/** The tensor-core instruction that multiplies codes; `s4-as-s8`: two s8 ones on codes widened in registers. */
export type CodeMma = 's4' | 's8' | 's4-as-s8';

/** How the codes of a linear are multiplied on its target. */
export function codeMma({
  activationBits,
  target: id,
}: Pick<LinearProblem, 'activationBits' | 'target'>): CodeMma {
  if (activationBits === 8) return 's8';
  const target = findTarget(id);
  const isNative = target?.dialect === 'cuda' && target.mma.some(({ name }) => name === 's4-m16n8k64');
  return isNative ? 's4' : 's4-as-s8';
}

/** Tensor-core instructions for one segment of K of a 16 x 8 tile. */
export function mmasPerSegment(mma: CodeMma): number {
  return mma === 's4-as-s8' ? 2 : 1;
}
