import type { RopeScaling } from '../../../ir/graph.ts';
import { type Matrix, mapRows } from './matrix.ts';

/**
 * Row r of `x` stands at position `first + r`: turns features i and i + D/2 of each head of D by position times frequency i, and
 * makes them `size` times as long.
 */
export function turnHeads(
  x: Matrix,
  headDim: number,
  frequencies: Float64Array,
  first: number,
  size = 1,
): Matrix {
  const half = headDim / 2;
  return mapRows(x, x.columns, (from, to, row) => {
    for (let i = 0; i < half; i++) {
      const angle = (first + row) * (frequencies[i] ?? 0);
      const [cos, sin] = [size * Math.cos(angle), size * Math.sin(angle)];
      for (let head = 0; head < from.length; head += headDim) {
        const a = from[head + i] ?? 0;
        const b = from[head + i + half] ?? 0;
        to[head + i] = a * cos - b * sin;
        to[head + i + half] = b * cos + a * sin;
      }
    }
  });
}

/** theta^(-2i/headDim) for i < headDim / 2, stretched as the model asks; `divisors` has the entries of its tensor. */
export function ropeFrequencies(
  headDim: number,
  theta: number,
  scaling: RopeScaling | undefined,
  divisors: Float32Array | undefined,
): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const plain = theta ** ((-2 * i) / headDim);
    switch (scaling?.kind) {
      case undefined:
        return plain;
      case 'linear':
        return plain / scaling.factor;
      case 'divisors':
        return plain / (divisors?.[i] ?? 1);
      case 'llama3':
        return stretch(plain, scaling);
      case 'yarn':
        return interpolate(plain, i, headDim, theta, scaling);
    }
  });
}

/** transformers, modeling_rope_utils.py, _compute_llama3_parameters. */
function stretch(plain: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  const turns = (originalContext * plain) / (2 * Math.PI);
  if (turns < low) return plain / factor;
  if (turns > high) return plain;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * plain) / factor + smooth * plain;
}

/** transformers, modeling_rope_utils.py, _compute_yarn_parameters: the paper's ramp, over indices that are whole numbers. */
function interpolate(
  plain: number,
  index: number,
  headDim: number,
  theta: number,
  scaling: Extract<RopeScaling, { kind: 'yarn' }>,
): number {
  const { factor, originalContext, betaFast, betaSlow } = scaling;
  // The index, as a real number, of the frequency that turns so often in the original context.
  const turning = (turns: number) =>
    (headDim * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = Math.max(Math.floor(turning(betaFast)), 0);
  const high = Math.min(Math.ceil(turning(betaSlow)), headDim - 1);
  const width = high === low ? 0.001 : high - low;
  const ramp = Math.min(Math.max((index - low) / width, 0), 1);
  return (plain / factor) * ramp + plain * (1 - ramp);
}
