import type { Matrix } from './matrix.ts';

/**
 * Columns `offset` to `offset + n` of `out` [M, …] become x · Wᵀ (+ bias), with x [M, K] and W [n, K] row-major, summed in
 * float64 in the order of k.
 */
export type MultiplyWeights = (
  x: Matrix,
  weights: Float32Array,
  bias: Float32Array | undefined,
  out: Matrix,
  offset: number,
) => void;

export const multiplyWeights: MultiplyWeights = (x, weights, bias, out, offset) => {
  const n = weights.length / x.columns;
  multiplyChannels(x, weights, out, offset, { from: 0, to: n });
  addBias(bias, out, offset);
};

/** The channels in `range` alone: what a thread does of it. */
export function multiplyChannels(
  x: Matrix,
  weights: Float32Array,
  out: Matrix,
  offset: number,
  range: { readonly from: number; readonly to: number },
): void {
  const { from, to } = range;
  // Two tokens by four channels: eight sums and six loads fit V8's registers. Weights are read once for all tokens.
  for (let channel = from; channel < to; channel += 4) {
    for (let row = 0; row < x.rows; row += 2) {
      if (channel + 4 <= to && row + 2 <= x.rows) multiplyTile(x, weights, row, channel, out, offset);
      else multiplyEdge(x, weights, row, channel, Math.min(channel + 4, to), out, offset);
    }
  }
}

export function addBias(bias: Float32Array | undefined, out: Matrix, offset: number): void {
  if (bias === undefined) return;
  for (let row = 0; row < out.rows; row++) {
    const start = row * out.columns + offset;
    for (let channel = 0; channel < bias.length; channel++)
      out.data[start + channel] = (out.data[start + channel] ?? 0) + (bias[channel] ?? 0);
  }
}

function multiplyTile(
  { columns: k, data }: Matrix,
  weights: Float32Array,
  row: number,
  channel: number,
  out: Matrix,
  offset: number,
): void {
  const [x0, x1] = [row * k, (row + 1) * k];
  const [w0, w1, w2, w3] = [channel * k, (channel + 1) * k, (channel + 2) * k, (channel + 3) * k];
  let [s00, s01, s02, s03] = [0, 0, 0, 0];
  let [s10, s11, s12, s13] = [0, 0, 0, 0];
  for (let i = 0; i < k; i++) {
    const a = data[x0 + i] ?? 0;
    const b = data[x1 + i] ?? 0;
    const c0 = weights[w0 + i] ?? 0;
    const c1 = weights[w1 + i] ?? 0;
    const c2 = weights[w2 + i] ?? 0;
    const c3 = weights[w3 + i] ?? 0;
    s00 += a * c0;
    s01 += a * c1;
    s02 += a * c2;
    s03 += a * c3;
    s10 += b * c0;
    s11 += b * c1;
    s12 += b * c2;
    s13 += b * c3;
  }
  const at = row * out.columns + offset + channel;
  out.data.set([s00, s01, s02, s03], at);
  out.data.set([s10, s11, s12, s13], at + out.columns);
}

function multiplyEdge(
  { rows, columns: k, data }: Matrix,
  weights: Float32Array,
  first: number,
  channel: number,
  end: number,
  out: Matrix,
  offset: number,
): void {
  for (let row = first; row < Math.min(first + 2, rows); row++) {
    for (let n = channel; n < end; n++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (data[row * k + i] ?? 0) * (weights[n * k + i] ?? 0);
      out.data[row * out.columns + offset + n] = sum;
    }
  }
}
