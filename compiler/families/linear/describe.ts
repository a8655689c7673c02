import { addsResidual, type LinearProblem } from '../../../ir/problem.ts';

/** Widths in bits, e.g. `w4a4`. */
export function linearWidths({ weightBits, activationBits }: LinearProblem): string {
  return `w${weightBits}a${activationBits}`;
}

/** Outputs x inputs, on one line of a table. */
export function describeLinear(problem: LinearProblem): string {
  return `linear ${linearWidths(problem)} ${problem.n} x ${problem.k}${addsResidual(problem) ? ' + residual' : ''}`;
}
