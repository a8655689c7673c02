import type { ActivationDtype } from '../../ir/dtype.ts';
import { narrowFloat } from './narrow-float.ts';
import { baseColumnsOf } from './outlier-columns.ts';
import { quantiseWeights } from './quantise-weights.ts';
import type { QuantisedLinear } from './quantised-linear.ts';

/** One linear's weights as a checkpoint has them, but its bias, which is not quantised. */
export interface FloatWeights {
  readonly n: number;
  readonly k: number;
  /** [N][K] row-major, exact in FP32 (FP16 and BF16 checkpoints are widened). */
  readonly weights: Float32Array;
  /** Sorted, distinct. */
  readonly outlierColumns: Int32Array;
}

export interface QuantiseOptions {
  readonly bits: 4 | 8;
  readonly dtype: ActivationDtype;
  /** [N] scales of the caller's own, e.g. from GPTQ; max-based where absent. */
  readonly scales?: Float32Array;
  /** Searches the clip per channel (QUIK's 80 candidates); not with `scales`. */
  readonly clip?: boolean;
}

/** Rounds base columns to the nearest code, channel by channel, and outlier columns to the 16-bit format. */
export function quantiseLinear(
  { n, k, weights, outlierColumns }: FloatWeights,
  { bits, dtype, scales, clip = false }: QuantiseOptions,
): QuantisedLinear {
  const float = narrowFloat(dtype);
  const base = baseColumnsOf(k, outlierColumns);
  const outliers = outlierColumns.length;
  const result = {
    ...{ bits, n, k, outlierColumns, codes: new Int8Array(n * k), scales: new Float32Array(n) },
    ...{ reduced: new Float32Array(n), outlierWeights: new Float32Array(n * outliers) },
  };
  for (let channel = 0; channel < n; channel++) {
    const row = weights.subarray(channel * k, (channel + 1) * k);
    const scale = scales?.[channel];
    const quantised = quantiseWeights(
      Float32Array.from(base, (column) => row[column] ?? 0),
      bits,
      scale === undefined ? { clip } : { scale },
    );
    for (const [i, column] of base.entries()) result.codes[channel * k + column] = quantised.codes[i] ?? 0;
    for (const [f, column] of outlierColumns.entries())
      result.outlierWeights[channel * outliers + f] = float.round(row[column] ?? 0);
    result.scales[channel] = quantised.scale;
    result.reduced[channel] = quantised.reduced;
  }
  return result;
}
