/** Signed and absolute outlier sums of a tile, row-major over (n, m). */
export interface OutlierProduct {
  /** sum over f of x[m,f] * W[n,f]. */
  readonly sums: Float64Array;
  /** sum over f of |x[m,f] * W[n,f]|. */
  readonly magnitudes: Float64Array;
}

/**
 * Products of `nRows` weight rows and `mRows` activation rows of `columns` values each, in float64. The product of two
 * 16-bit floats is exact there; a sum of `columns` of them is off by at most columns * 2^-53 of its magnitude.
 */
export function outlierProduct(
  weights: Float64Array,
  activations: Float64Array,
  nRows: number,
  mRows: number,
  columns: number,
): OutlierProduct {
  const sums = new Float64Array(nRows * mRows);
  const magnitudes = new Float64Array(nRows * mRows);
  if (columns === 0) return { sums, magnitudes };
  for (let n = 0; n < nRows; n++) {
    const weight = weights.subarray(n * columns, (n + 1) * columns);
    for (let m = 0; m < mRows; m++) {
      const start = m * columns;
      // Two chains each hide the latency of an addition.
      let sum0 = 0;
      let sum1 = 0;
      let magnitude0 = 0;
      let magnitude1 = 0;
      for (let f = 0; f < columns; f += 2) {
        const p0 = (weight[f] as number) * (activations[start + f] as number);
        const p1 = (weight[f + 1] as number) * (activations[start + f + 1] as number);
        sum0 += p0;
        sum1 += p1;
        magnitude0 += Math.abs(p0);
        magnitude1 += Math.abs(p1);
      }
      sums[n * mRows + m] = sum0 + sum1;
      magnitudes[n * mRows + m] = magnitude0 + magnitude1;
    }
  }
  return { sums, magnitudes };
}
