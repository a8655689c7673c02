import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';
import { type NarrowFloat, narrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf, outlierColumns as chooseColumns } from '../reference/outlier-columns.ts';
import { makeStreamKeys, randomBell } from '../reference/random.ts';

/** A layer with plausible numbers: activations with a few loud columns, which are the outliers, and small weights. */
export interface ChainData {
  readonly float: NarrowFloat;
  readonly outlierColumns: Int32Array;
  /** Values of a row of x, exact in the activation dtype; 2K of them for silu-mul. */
  inputRow(m: number): Float64Array;
  /** Weight of the RMS norm, [K]. */
  readonly gamma: Float64Array;
  /** One channel of W, [K], exact in FP32 and at outlier columns in the activation dtype. */
  weightRow(n: number): Float32Array;
  bias(n: number): number;
  residual(m: number, n: number): number;
}

const loudness = 24;
const tags = { input: 1, weight: 2, bias: 3, residual: 4, gamma: 5 };

/** `quantize` and `linear` share K and the outlier count; everything is a pure function of the seed. */
export function makeChainData(quantize: QuantizeProblem, linear: LinearProblem, seed: number): ChainData {
  const { k, outliers, dtype, prologue } = quantize;
  const float = narrowFloat(dtype);
  const key = makeStreamKeys(seed, 77);
  const outlierColumns = chooseColumns(k, outliers, seed);
  const isLoud = new Uint8Array(k).fill(1);
  for (const column of baseColumnsOf(k, outlierColumns)) isLoud[column] = 0;
  const weightScale = 1 / Math.sqrt(k);
  const width = prologue.op === 'silu-mul' ? 2 * k : k;
  return {
    float,
    outlierColumns,
    inputRow(m) {
      const stream = key(tags.input, m);
      return Float64Array.from({ length: width }, (_, i) => {
        const loud =
          (isLoud[i % k] ?? 0) === 1 ? (prologue.op === 'silu-mul' ? Math.sqrt(loudness) : loudness) : 1;
        return float.round(randomBell(stream, i) * loud);
      });
    },
    gamma: Float64Array.from({ length: k }, (_, i) => float.round(1 + randomBell(key(tags.gamma, 0), i) / 8)),
    weightRow(n) {
      const stream = key(tags.weight, n);
      return Float32Array.from({ length: k }, (_, i) => {
        const weight = randomBell(stream, i) * weightScale;
        return (isLoud[i] ?? 0) === 1 ? float.round(weight) : Math.fround(weight);
      });
    },
    bias: (n) => Math.fround(randomBell(key(tags.bias, 0), n)),
    residual: (m, n) =>
      linear.epilogue.length === 0 ? 0 : float.round(randomBell(key(tags.residual, m), n) * 2),
  };
}
