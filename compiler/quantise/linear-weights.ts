import type { ActivationDtype } from '../../ir/dtype.ts';

/** One linear of a model and what is to become of it. */
export interface LinearWeights {
  /** [N, K] row-major. Threads read it without a copy where it is in shared memory. */
  readonly weights: Float32Array;
  /** Output channels. */
  readonly n: number;
  /** Input features. */
  readonly k: number;
  /** Ascending, distinct. */
  readonly outlierColumns: Int32Array;
  readonly bits: 4 | 8;
  /** Searches the clip of each channel (QUIK's 80 candidates). */
  readonly clip: boolean;
  /** What weights of outlier columns are rounded to. */
  readonly dtype: ActivationDtype;
}

/** Why there are no codes. */
export type QuantiseFault =
  /** A weight is NaN or infinite. */
  | { readonly kind: 'weights-not-finite'; readonly channel: number; readonly column: number }
  /** A statistic is NaN or infinite. */
  | { readonly kind: 'gram-not-finite'; readonly column: number }
  /** Xᵀ · X is not positive definite, `damping` of its mean diagonal added to the diagonal or not. */
  | { readonly kind: 'gram-not-definite'; readonly damping: number }
  /** The weight of an outlier column, corrected for the errors of others, is more than the 16-bit format holds. */
  | { readonly kind: 'outlier-overflow'; readonly channel: number; readonly column: number };

/** The first weight that is not finite. */
export function findWeightFault({ weights, k }: LinearWeights): QuantiseFault | undefined {
  const index = weights.findIndex((weight) => !Number.isFinite(weight));
  if (index < 0) return undefined;
  return { kind: 'weights-not-finite', channel: Math.floor(index / k), column: index % k };
}

/** The first weight of an outlier column that became infinite when it was rounded. */
export function findOverflow(
  { outlierColumns }: LinearWeights,
  outlierWeights: Float32Array,
): QuantiseFault | undefined {
  const index = outlierWeights.findIndex((weight) => !Number.isFinite(weight));
  if (index < 0) return undefined;
  const channel = Math.floor(index / outlierColumns.length);
  return { kind: 'outlier-overflow', channel, column: outlierColumns[index % outlierColumns.length] ?? 0 };
}
