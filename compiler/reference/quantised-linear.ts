/**
 * One linear of a model, quantised: what a quantised checkpoint holds of it, whatever made the codes, and whatever target
 * they are packed for. y = x_outliers · outlierWeightsᵀ + x_base · (scales ∘ codes)ᵀ (+ bias), DESIGN's numerics.
 */
export interface QuantisedLinear {
  readonly bits: 4 | 8;
  /** Output channels. */
  readonly n: number;
  /** Input features. */
  readonly k: number;
  /** [N, K] row-major, K in its natural order, in [-2^(b-1), 2^(b-1) - 1]; 0 in outlier columns. */
  readonly codes: Int8Array;
  /** [N] s_w */
  readonly scales: Float32Array;
  /** [N] R = fl32(s_w * exact sum of the channel's codes) */
  readonly reduced: Float32Array;
  /** [F] ascending, distinct. */
  readonly outlierColumns: Int32Array;
  /** [N, F] row-major, values that the model's 16-bit format has. */
  readonly outlierWeights: Float32Array;
}
