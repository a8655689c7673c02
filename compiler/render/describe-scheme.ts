import type { ProblemSpec } from '../../ir/problem.ts';

/** A problem's scheme as a banner prints it, e.g. `w4a4, 256 outlier columns, f16`. */
export function describeScheme(problem: ProblemSpec): string {
  const widths =
    problem.family === 'linear' ? `w${problem.weightBits}a${problem.activationBits}` : `a${problem.bits}`;
  const outliers =
    problem.outliers === 0
      ? 'no outlier columns'
      : `${problem.outliers} outlier columns${problem.columns === 'in-place' ? ' in place' : ''}`;
  return `${widths}, ${outliers}, ${problem.dtype}`;
}
