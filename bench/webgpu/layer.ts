import { narrowFloat } from '../../compiler/reference/narrow-float.ts';
import { outlierColumns } from '../../compiler/reference/outlier-columns.ts';
import { type PackedLinear, packQuik } from '../../compiler/reference/pack-quik.ts';
import { randomBell, streamKey } from '../../compiler/reference/random.ts';
import type { LinearProblem } from '../../ir/problem.ts';
import type { NBitsWeights } from './onnx-model.ts';

/** A layer of bell-shaped weights, and tokens of bell-shaped activations, ten times as large in the outlier columns. */
export interface Layer {
  readonly n: number;
  readonly k: number;
  readonly columns: Int32Array;
  readonly weights: Float32Array;
  /** [M][K], exact in f16. */
  tokens(m: number): Float32Array;
}

export function makeLayer(n: number, k: number, outliers: number): Layer {
  const columns = outlierColumns(k, outliers, 1);
  const own = new Set(columns);
  const key = streamKey(n, k);
  const f16 = narrowFloat('f16');
  const weights = Float32Array.from({ length: n * k }, (_, i) =>
    f16.round(randomBell(key, i) / Math.sqrt(k)),
  );
  const tokens = (m: number): Float32Array =>
    Float32Array.from({ length: m * k }, (_, i) => {
      const value = randomBell(key + 1, i);
      return f16.round(own.has(i % k) ? 10 * value : value);
    });
  return { n, k, columns, weights, tokens };
}

export function packLayer(
  { n, k, weights, columns }: Layer,
  { weightBits, dtype }: LinearProblem,
): PackedLinear {
  return packQuik(
    { n, k, weights, outlierColumns: columns },
    { bits: weightBits, dtype, columns: 'compact' },
  );
}

/** The layer's weights in blocks of `block` codes with a scale each: max |w| / 7, code 8 standing for zero. */
export function packNBits({ n, k, weights }: Layer, block: number): NBitsWeights {
  const scales = new Float32Array((n * k) / block);
  const nibbles = new Uint8Array((n * k) / 2);
  for (let b = 0; b < scales.length; b++) {
    const values = weights.subarray(b * block, (b + 1) * block);
    const scale = Math.fround(values.reduce((most, w) => Math.max(most, Math.abs(w)), 2 ** -64) / 7);
    scales[b] = scale;
    for (const [i, w] of values.entries()) {
      const at = b * block + i;
      nibbles[at >> 1] = (nibbles[at >> 1] ?? 0) | ((Math.round(w / scale) + 8) << (4 * (at & 1)));
    }
  }
  return { n, k, block, nibbles, scales };
}

/** [M][N] of x W^T in float64, for the first rows. */
export function product(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  m: number,
  n: number,
  k: number,
): Float64Array {
  const y = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let channel = 0; channel < n; channel++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (x[row * k + i] ?? 0) * (w[channel * k + i] ?? 0);
      y[row * n + channel] = sum;
    }
  }
  return y;
}

/** Root mean square of the difference, relative to that of `right`. */
export function relativeError(y: ArrayLike<number>, right: Float64Array): number {
  let error = 0;
  let size = 0;
  for (const [i, value] of right.entries()) {
    error += ((y[i] ?? Number.NaN) - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(error / size);
}
