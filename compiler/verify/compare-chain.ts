import type { LinearProblem, QuantizeProblem } from '../../ir/problem.ts';
import type { Comparison, OutputTile } from '../families/family.ts';
import { ComparisonTally } from '../reference/comparison-tally.ts';
import { floatLinear, rowError } from '../reference/float-linear.ts';
import * as layouts from '../reference/layouts.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { unpackCodes } from '../reference/pack-codes.ts';
import { type PrologueRoundings, runPrologue } from '../reference/prologue.ts';
import { quantiseWeights } from '../reference/quantise-weights.ts';
import { gamma, underflow } from '../reference/tolerance.ts';
import type { ChainData } from './chain-data.ts';

/** A quantize, a linear that reads what it wrote, and how often their kernels may round. */
export interface Chain {
  readonly quantize: QuantizeProblem;
  readonly linear: LinearProblem;
  readonly roundings: {
    readonly quantize: {
      readonly prologue: PrologueRoundings;
      readonly scale: number;
      readonly code: number;
    };
    readonly linear: number;
  };
}

type Tile = Pick<OutputTile, 'n0' | 'n1' | 'm0' | 'm1'>;
type Read = (argument: string, offset: number, length: number) => Uint8Array;

/**
 * y against the unquantised layer. Allowed, element by element: the scheme's own error (weights and activations to
 * their codes), the prologue's rounding interval, the bound of the linear's arithmetic, half an ulp of the result.
 */
export function compareChain(chain: Chain, data: ChainData, tile: Tile, read: Read): Comparison {
  const problem = chain.linear;
  const { n, k, activationBits: bits } = problem;
  const { float } = data;
  const base = baseColumnsOf(k, data.outlierColumns);
  const half = 2 ** (bits - 1);
  const relative = gamma(chain.roundings.linear);
  const channels = Array.from({ length: tile.n1 - tile.n0 }, (_, i) =>
    channelOf(data, base, tile.n0 + i, bits, k),
  );
  const tally = new ComparisonTally();
  for (let m = tile.m0; m < tile.m1; m++) {
    const row = rowOf(chain, data, base, m, read);
    const y = new DataView(read('y', (m * n + tile.n0) * 2, (tile.n1 - tile.n0) * 2).buffer);
    for (const [i, channel] of channels.entries()) {
      const bias = data.bias(tile.n0 + i);
      const residual = data.residual(m, tile.n0 + i);
      const { value, schemeError } = floatLinear(
        row.x,
        channel.weights,
        channel.approximate,
        row.error,
        bias,
      );
      let acc = 0;
      for (const [place, column] of base.entries()) {
        const stored = problem.columns === 'compact' ? place : column;
        acc += (row.codes[stored] ?? 0) * (channel.codes[place] ?? 0);
      }
      let outlierMagnitude = 0;
      let wobble = 0;
      for (const column of data.outlierColumns)
        outlierMagnitude += Math.abs((row.x[column] ?? 0) * (channel.weights[column] ?? 0));
      for (let column = 0; column < k; column++)
        wobble += (row.width[column] ?? 0) * Math.abs(channel.weights[column] ?? 0);
      const magnitude =
        Math.abs(acc * row.scale * channel.scale) +
        Math.abs((row.zero + half * row.scale) * channel.reduced) +
        outlierMagnitude +
        Math.abs(bias) +
        Math.abs(residual);
      const expected = value + residual;
      const bound = schemeError + wobble + relative * magnitude + underflow + float.ulp(expected) / 2;
      const actual = float.decode(y.getUint16(2 * i, true));
      const error = Math.abs(actual - expected);
      tally.add(
        error <= bound,
        error / bound,
        () =>
          `y[m=${m}, n=${tile.n0 + i}]: the layer gives ${expected}, the kernels ${actual}, allowed ${bound}`,
      );
    }
  }
  return tally.result();
}

function channelOf(data: ChainData, base: Int32Array, n: number, bits: 4 | 8, k: number) {
  const weights = data.weightRow(n);
  const quantised = quantiseWeights(
    Float32Array.from(base, (column) => weights[column] ?? 0),
    bits,
  );
  const approximate = new Float64Array(k).fill(Number.NaN);
  for (const [place, column] of base.entries())
    approximate[column] = quantised.scale * (quantised.codes[place] ?? 0);
  return { weights, approximate, ...quantised };
}

/** A row of x after its prologue, how far the kernel's rounding may be from it, and what the kernel made of it. */
function rowOf(chain: Chain, data: ChainData, base: Int32Array, m: number, read: Read) {
  const { bits, prologue, columns, k } = chain.quantize;
  const roundings = chain.roundings.quantize;
  const values = data.inputRow(m);
  const input = {
    values,
    roundings: roundings.prologue,
    ...(prologue.op === 'rms-norm' ? { gamma: data.gamma } : {}),
  };
  const { low, high } = runPrologue(prologue, input, data.float);
  const stride = layouts.codesRowStride(columns === 'compact' ? base.length : k, bits);
  const stored = columns === 'compact' ? base.length : k;
  const meta = new DataView(read('row_meta', m * layouts.rowMetaStride, layouts.rowMetaStride).buffer);
  const scale = meta.getFloat32(0, true);
  return {
    x: low,
    width: Float64Array.from(low, (value, i) => (high[i] ?? 0) - value),
    codes: unpackCodes(read('codes', m * stride, stride), stored, bits),
    scale,
    zero: meta.getFloat32(4, true),
    error: rowError(scale, bits, gamma(roundings.code + roundings.scale)),
  };
}
