/**
 * One output of the unquantised layer, and how far any QUIK evaluation of it may be: what the chain quantize -> linear
 * is held against.
 */
export interface FloatLinear {
  /** sum over k of x[k] * W[k] + bias, float64. */
  readonly value: number;
  /**
   * The scheme's own error at most: sum over base columns of |x| |w - w^| + e_x |w^|, with w^ = s_w q_w known exactly
   * and |x - x^| <= e_x for every base column.
   */
  readonly schemeError: number;
}

/**
 * `x`, `weights`: K values (x after its prologue, in the activation dtype). `quantised`: s_w q_w of the base columns,
 * NaN at outlier columns, which are exact. `rowError` is e_x (see {@link rowError}).
 */
export function floatLinear(
  x: ArrayLike<number>,
  weights: ArrayLike<number>,
  quantised: ArrayLike<number>,
  rowError: number,
  bias: number,
): FloatLinear {
  let value = bias;
  let schemeError = 0;
  for (let k = 0; k < x.length; k++) {
    const activation = x[k] ?? 0;
    const weight = weights[k] ?? 0;
    value += activation * weight;
    const approximation = quantised[k] ?? Number.NaN;
    if (Number.isNaN(approximation)) continue;
    schemeError +=
      Math.abs(activation) * Math.abs(weight - approximation) + rowError * Math.abs(approximation);
  }
  return { value, schemeError };
}

/**
 * e_x of a row with scale s: half a step, and what FP32 adds: t is off by at most gamma(codeRoundings) * levels, and
 * the clamp at the top code by the scale's own rounding, gamma(scaleRoundings) * levels steps.
 */
export function rowError(scale: number, bits: 4 | 8, relative: number): number {
  return scale * (0.5 + (2 ** bits - 1) * relative);
}
