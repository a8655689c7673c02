import { type Matrix, mapRows } from './matrix.ts';

/** x / sqrt(mean(x²) + eps) · weight over each run of `width` columns: a row for RMS norm, a head for that of heads. */
export function rmsNormalise(
  x: Matrix,
  width: number,
  eps: number,
  weight: Float32Array | undefined,
): Matrix {
  return mapRows(x, x.columns, (from, to) => {
    for (let start = 0; start < from.length; start += width) {
      let squares = 0;
      for (let i = start; i < start + width; i++) squares += (from[i] ?? 0) ** 2;
      const factor = 1 / Math.sqrt(squares / width + eps);
      for (let i = 0; i < width; i++) to[start + i] = (from[start + i] ?? 0) * factor * (weight?.[i] ?? 1);
    }
  });
}

/** (x - mean) / sqrt(var + eps) · weight + bias, with the variance of the row itself (not of a sample). */
export function layerNormalise(
  x: Matrix,
  eps: number,
  weight: Float32Array | undefined,
  bias: Float32Array | undefined,
): Matrix {
  return mapRows(x, x.columns, (from, to) => {
    let sum = 0;
    for (const value of from) sum += value;
    const mean = sum / from.length;
    let squares = 0;
    for (const value of from) squares += (value - mean) ** 2;
    const factor = 1 / Math.sqrt(squares / from.length + eps);
    for (let i = 0; i < from.length; i++)
      to[i] = ((from[i] ?? 0) - mean) * factor * (weight?.[i] ?? 1) + (bias?.[i] ?? 0);
  });
}
