import type { QuantizeProblem } from '../../../../ir/problem.ts';
import { quantizeGeometry } from '../geometry.ts';

/** How often the template reads a row of x: for its norm, for its range, and to quantise it; outlier columns apart. */
export function phasesThatRead(problem: QuantizeProblem): number {
  const norm = problem.prologue.op === 'rms-norm';
  return 1 + (norm ? 1 : 0) + (quantizeGeometry(problem).baseColumns > 0 ? 1 : 0);
}
