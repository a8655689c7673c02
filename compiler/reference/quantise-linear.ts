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
  const values = new Float32Array(base.length);
  for (let channel = 0; channel < n; channel++) {
    const row = channel * k;
    for (let i = 0; i < base.length; i++) values[i] = weights[row + (base[i] ?? 0)] ?? 0;
    const scale = scales?.[channel];
    const quantised = quantiseWeights(values, bits, scale === undefined ? { clip } : { scale });
    for (let i = 0; i < base.length; i++) result.codes[row + (base[i] ?? 0)] = quantised.codes[i] ?? 0;
    for (let f = 0; f < outliers; f++) {
      const kept = weights[row + (outlierColumns[f] ?? 0)] ?? 0;
      result.outlierWeights[channel * outliers + f] = float.round(kept);
    }
    result.scales[channel] = quantised.scale;
    result.reduced[channel] = quantised.reduced;
  }
  return result;
}
