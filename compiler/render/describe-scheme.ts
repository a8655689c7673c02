import type { ProblemSpec } from '../../ir/problem.ts';

/** A problem's scheme as a banner prints it, e.g. `w4a4, 256 outlier columns, f16`; `widths` as its family says them. */
export function describeScheme({ outliers, columns, dtype }: ProblemSpec, widths: string): string {
  const kept =
    outliers === 0
      ? 'no outlier columns'
      : `${outliers} outlier columns${columns === 'in-place' ? ' in place' : ''}`;
  return `${widths}, ${kept}, ${dtype}`;
}
