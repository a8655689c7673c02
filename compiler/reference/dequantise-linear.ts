import type { QuantisedLinear } from './quantised-linear.ts';

/** The weights [N, K] that a linear's codes and outlier weights stand for, in memory that threads share. */
export function dequantiseLinear(linear: QuantisedLinear): Float32Array {
  const { n, k, codes, scales, outlierColumns, outlierWeights } = linear;
  const weights = new Float32Array(new SharedArrayBuffer(4 * n * k));
  for (let channel = 0; channel < n; channel++) {
    const scale = scales[channel] ?? 0;
    for (let at = channel * k; at < (channel + 1) * k; at++) weights[at] = scale * (codes[at] ?? 0);
    outlierColumns.forEach((column, index) => {
      weights[channel * k + column] = outlierWeights[channel * outlierColumns.length + index] ?? 0;
    });
  }
  return weights;
}
