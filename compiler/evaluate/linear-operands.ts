import type { Block, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { columnsOfRepetition, layerName } from '../../ir/graph.ts';
import { nodesById } from '../../ir/visit.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { assert } from '../support/assert.ts';
import { type Result, succeed } from '../support/result.ts';
import type { QuantisedWeights, WantedLinear } from './quantised-weights.ts';

/** What a linear of the fused graph multiplies with, its parts below each other along N. */
export interface LinearOperands {
  readonly weights: QuantisedLinear;
  /** [N] */
  readonly bias?: Float32Array;
}

/** The outlier columns of a quantize in a repetition; undefined where nobody has named them. */
export function outlierColumnsOf(
  { outliers, outlierColumns }: Pick<QuantizeNode, 'outliers' | 'outlierColumns'>,
  block: Block,
  layer: number,
): Int32Array | undefined {
  if (outliers === 0) return new Int32Array(0);
  const columns = columnsOfRepetition(outlierColumns, block, layer);
  return columns && Int32Array.from(columns);
}

/** What a linear reads. */
export function quantizeOf(block: Block, node: QuikLinearNode): QuantizeNode {
  const quantize = nodesById(block).get(node.input);
  assert(quantize?.op === 'quantize', 'a quik-linear reads a quantize');
  return quantize;
}

/** The linears that a merged one consists of, in the order of its rows. */
export function wantedLinears(block: Block, layer: number, node: QuikLinearNode): readonly WantedLinear[] {
  const { bits, clip } = node.scheme.weight;
  assert(bits === 4 || bits === 8, 'choose-scheme ran');
  const quantize = quantizeOf(block, node);
  const outlierColumns = outlierColumnsOf(quantize, block, layer);
  return node.parts.map(({ name, n, weight }) => ({
    ...{ name: layerName(block, name, layer), layer, n, k: node.k, bits, clip: clip === 'search' },
    ...{ weight, outlierColumns, outliers: quantize.outliers },
  }));
}

/** All that a linear multiplies with in a repetition. */
export function readOperands(
  { linear, read }: QuantisedWeights,
  block: Block,
  layer: number,
  node: QuikLinearNode,
): Result<LinearOperands, Diagnostic> {
  const parts: QuantisedLinear[] = [];
  for (const wanted of wantedLinears(block, layer, node)) {
    const part = linear(wanted);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  const weights = joinLinears(parts);
  if (!node.parts.some(({ bias }) => bias !== undefined)) return succeed({ weights });
  const bias = new Float32Array(weights.n);
  let at = 0;
  for (const part of node.parts) {
    const values = part.bias === undefined ? undefined : read(part.bias, layer);
    if (values?.ok === false) return values;
    if (values !== undefined) bias.set(values.value, at);
    at += part.n;
  }
  return succeed({ weights, bias });
}

/** Linears with the same input as one, in memory that threads share. */
function joinLinears(parts: readonly QuantisedLinear[]): QuantisedLinear {
  const [first] = parts;
  assert(first !== undefined, 'a linear has a part');
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  const { bits, k, outlierColumns } = first;
  const codes = new Int8Array(new SharedArrayBuffer(n * k));
  const floats = (perChannel: number) => new Float32Array(new SharedArrayBuffer(4 * n * perChannel));
  const [scales, reduced] = [floats(1), floats(1)];
  const outlierWeights = floats(outlierColumns.length);
  let row = 0;
  for (const part of parts) {
    codes.set(part.codes, row * k);
    scales.set(part.scales, row);
    reduced.set(part.reduced, row);
    outlierWeights.set(part.outlierWeights, row * outlierColumns.length);
    row += part.n;
  }
  return { bits, n, k, codes, scales, reduced, outlierColumns, outlierWeights };
}
