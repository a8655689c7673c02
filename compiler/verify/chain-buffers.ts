import type { CallContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { LinearProblem } from '../../ir/problem.ts';
import type { BufferSpec } from '../executor/index.ts';
import type { OutputTile } from '../families/family.ts';
import { packQuik } from '../reference/pack-quik.ts';
import type { ChainData } from './chain-data.ts';

/** The kernels of a chain as far as their buffers go, in whatever language. */
export interface ChainCall {
  readonly tokens: number;
  readonly quantize: { readonly contract: Pick<CallContract, 'arguments'> };
  readonly linear: {
    readonly contract: Pick<CallContract, 'arguments'>;
    readonly spec: { readonly problem: LinearProblem };
  };
}

type Channels = Pick<OutputTile, 'n0' | 'n1'>;

/** Every argument of both kernels by name; what quantize writes, the linear reads. */
export function chainBuffers(job: ChainCall, data: ChainData, tile: Channels): readonly BufferSpec[] {
  const { linear, quantize, tokens } = job;
  const { problem } = linear.spec;
  const packed = packTile(job, data, tile);
  const contents = new Map<string, Uint8Array>([
    ['x', bytesOf(data, tokens, (m) => data.inputRow(m))],
    ['gamma', bytesOf(data, 1, () => data.gamma)],
    ['outlier_columns', new Uint8Array(Int32Array.from(data.outlierColumns).buffer)],
    [
      'residual',
      bytesOf(data, tokens, (m) => Float64Array.from({ length: problem.n }, (_, n) => data.residual(m, n))),
    ],
  ]);
  const parts: Readonly<Record<string, Uint8Array>> = {
    weights: packed.weights,
    column_meta: packed.columnMeta,
    outlier_weights: packed.outlierWeights,
  };
  const specs = new Map<string, BufferSpec>();
  for (const argument of [...quantize.contract.arguments, ...linear.contract.arguments]) {
    if (argument.kind !== 'buffer' || specs.has(argument.name)) continue;
    const { name } = argument;
    const bytes = evaluate(argument.bytes, tokens);
    const part = parts[name];
    const whole = contents.get(name);
    if (part !== undefined) {
      // Only the tile's channels are packed; they are the last ones, so their blocks end the buffer.
      const start = bytes - part.length;
      specs.set(name, { name, bytes, access: 'input', fill: (at, into) => copyPart(part, start, at, into) });
    } else if (whole !== undefined) specs.set(name, { name, bytes, access: 'input', data: whole });
    else if (name === 'workspace')
      specs.set(name, { name, bytes, access: 'workspace', fill: (_, into) => into.fill(0) });
    else specs.set(name, { name, bytes, access: 'output' });
  }
  return [...specs.values()];
}

function packTile({ linear }: ChainCall, data: ChainData, { n0, n1 }: Channels) {
  const { k, weightBits, dtype, columns } = linear.spec.problem;
  const weights = new Float32Array((n1 - n0) * k);
  for (let n = n0; n < n1; n++) weights.set(data.weightRow(n), (n - n0) * k);
  const bias = Float32Array.from({ length: n1 - n0 }, (_, i) => data.bias(n0 + i));
  const { outlierColumns } = data;
  return packQuik({ n: n1 - n0, k, weights, outlierColumns, bias }, { bits: weightBits, dtype, columns });
}

function copyPart(part: Uint8Array, start: number, at: number, into: Uint8Array): void {
  for (let i = Math.max(0, start - at); i < into.length; i++) into[i] = part[at + i - start] ?? 0;
}

function bytesOf(data: ChainData, rows: number, row: (m: number) => Float64Array): Uint8Array {
  const values = Array.from({ length: rows }, (_, m) =>
    Uint16Array.from(row(m), (value) => data.float.encode(value)),
  );
  const width = values[0]?.length ?? 0;
  const all = new Uint16Array(rows * width);
  for (const [m, line] of values.entries()) all.set(line, m * width);
  return new Uint8Array(all.buffer);
}
