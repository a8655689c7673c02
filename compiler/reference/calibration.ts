/** What is known of the rows x that enter a linear, over the tokens that a model was calibrated with. */
export interface LinearStatistics {
  /** [K] max |x| over all tokens. */
  readonly absMax: Float32Array;
  /** [K] The same without the first token of each window, where models put their massive activations. */
  readonly absMaxRest: Float32Array;
  /** [K, K] row-major, symmetric: Xᵀ X, summed over all tokens. */
  readonly gram?: Float64Array;
}

/** Linears that read the same value have the same statistics, as one object. */
export interface Calibration {
  /** 0 where it is not known, as of a file that only lists maxima. */
  readonly tokens: number;
  /** Tokens a window; 0 where it is not known. */
  readonly window: number;
  /** By the layer's name with the number of its repetition, e.g. layers.3.mlp.up_proj. */
  readonly linears: ReadonlyMap<string, LinearStatistics>;
}
