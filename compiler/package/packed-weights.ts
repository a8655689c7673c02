import type { ActivationDtype } from '../../ir/dtype.ts';
import type { ColumnMode } from '../../ir/problem.ts';

/** In the metadata of a file of packed weights, under `format`. */
export const packedFormat = 'quikc-packed-1';

export interface PackedShape {
  readonly bits: 4 | 8;
  readonly n: number;
  readonly k: number;
  readonly outliers: number;
  readonly columnMode: ColumnMode;
}

/** All that packed bytes depend on but the weights: what whoever loads them compares. */
export function packedSpec(
  { bits, n, k, outliers, columnMode }: PackedShape,
  dtype: ActivationDtype,
): string {
  return `w${bits} n${n} k${k} f${outliers} ${columnMode} ${dtype}`;
}
