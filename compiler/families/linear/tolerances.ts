import type { Tolerance } from '../../../ir/manifest.ts';
import { addsResidual, type LinearProblem } from '../../../ir/problem.ts';
import { paddedOutliers } from '../../reference/layouts.ts';
import { linearRoundings, underflow, unitRoundoff } from '../../reference/tolerance.ts';

/** c of docs/numerics.md for a kernel. */
export function roundingsOf(problem: LinearProblem, kernel: { readonly outliersApart: boolean }): number {
  return linearRoundings({
    paddedOutliers: paddedOutliers(problem.outliers),
    residual: addsResidual(problem),
    outliersApart: kernel.outliersApart && problem.outliers > 0,
  });
}

/** How far y may be from the oracle. */
export function linearTolerances(roundings: number): readonly Tolerance[] {
  return [
    {
      output: 'y',
      rule: 'y in [round16(v - e), round16(v + e)] with e = gamma(roundings) * sum |terms| + underflow, gamma(c) = c u / (1 - c u); bit-exact where every term is a multiple of one power of two and no sum passes 2^24 of it',
      constants: { roundings, u: unitRoundoff, underflow },
      derivation: 'docs/numerics.md, 3 Linear',
    },
  ];
}
