import type { Block, Graph, GraphNode, LinearNode, QuikLinearNode } from '../../ir/graph.ts';
import { layerNames, outputChannels, repetitions } from '../../ir/graph.ts';
import { printSparsity } from '../../ir/print-graph.ts';
import { isQuantised, schemeName } from '../../ir/quant-scheme.ts';
import { blockedBytes, columnMetaBytes, paddedBase, paddedOutliers } from '../reference/layouts.ts';

/** Multiply-adds of one token by the precision they run in. */
export interface Macs {
  readonly int4: number;
  readonly int8: number;
  readonly f16: number;
}

/** A distinct operation with weights, and all layers that have it. */
export interface OperationSummary {
  readonly name: string;
  readonly op: string;
  readonly layers: readonly string[];
  /** How often it runs in the model. */
  readonly count: number;
  readonly n: number;
  readonly k: number;
  readonly scheme: string;
  readonly outliers: number;
  readonly outlierPercent: number;
  readonly placeholderColumns: boolean;
  readonly sparsity: string;
  /** The rest counts every layer of the operation together. */
  readonly parameters: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly macsPerToken: Macs;
}

export interface ModelSummary {
  readonly model: string;
  readonly dtype: string;
  readonly operations: readonly OperationSummary[];
  readonly totals: Pick<OperationSummary, 'parameters' | 'bytesBefore' | 'bytesAfter' | 'macsPerToken'>;
  readonly placeholderColumns: boolean;
}

const noMacs: Macs = { int4: 0, int8: 0, f16: 0 };

/** What a model's weights are and become. Attention's own products depend on the context and are not counted. */
export function summariseModel(graph: Graph): ModelSummary {
  const rows = new Map<string, OperationSummary>();
  for (const block of graph.blocks) {
    for (const node of block.nodes) {
      const row = summariseNode(block, node);
      if (row === undefined) continue;
      const key = JSON.stringify([row.name, row.op, row.n, row.k, row.scheme, row.outliers, row.sparsity]);
      const known = rows.get(key);
      rows.set(key, known === undefined ? row : combine(known, row));
    }
  }
  const operations = [...rows.values()];
  const sum = (pick: (row: OperationSummary) => number) =>
    operations.reduce((total, row) => total + pick(row), 0);
  return {
    model: graph.name,
    dtype: graph.dtype,
    operations,
    totals: {
      parameters: sum((row) => row.parameters),
      bytesBefore: sum((row) => row.bytesBefore),
      bytesAfter: sum((row) => row.bytesAfter),
      macsPerToken: operations.map((row) => row.macsPerToken).reduce(addMacs, noMacs),
    },
    placeholderColumns: operations.some((row) => row.placeholderColumns),
  };
}

function summariseNode(block: Block, node: GraphNode): OperationSummary | undefined {
  switch (node.op) {
    case 'linear':
    case 'quik-linear':
      return summariseLinear(block, node);
    case 'embedding':
      return plainWeights(block, node, node.vocab, node.features);
    case 'position-embedding':
      return plainWeights(block, node, node.positions, node.output?.features ?? 0);
    case 'rms-norm':
      return plainWeights(block, node, 1, node.output?.features ?? 0);
    case 'head-norm':
      return plainWeights(block, node, 1, node.headDim);
    case 'layer-norm':
      return plainWeights(block, node, 2, node.output?.features ?? 0);
    case 'quantize':
      // A norm lives on as the prologue, with its weight.
      return node.prologue.op === 'rms-norm' ? plainWeights(block, node, 1, node.k) : undefined;
    default:
      return undefined;
  }
}

function summariseLinear(block: Block, node: LinearNode | QuikLinearNode): OperationSummary {
  const count = repetitions(block);
  const n = outputChannels(node);
  const outliers = node.scheme.outliers?.count ?? 0;
  const quantised = isQuantised(node.scheme);
  // A tied head is counted with the embedding, unless it becomes a quantised copy.
  const own = node.parts.reduce((sum, part) => sum + (part.sharedWith === undefined ? part.n : 0), 0);
  const parameters = own * node.k + (node.hasBias ? own : 0);
  return {
    name: node.id,
    op: 'linear',
    layers: [layerNames(block, node.id)],
    count,
    n,
    k: node.k,
    scheme: schemeName(node.scheme),
    outliers,
    outlierPercent: (100 * outliers) / node.k,
    placeholderColumns: outliers > 0 && node.scheme.outliers?.columns.kind === 'placeholder',
    sparsity: printSparsity(node.scheme.sparsity ?? { pattern: 'dense' }),
    parameters: parameters * count,
    bytesBefore: parameters * 2 * count,
    bytesAfter: (quantised ? packedBytes(node, n, outliers) : parameters * 2) * count,
    macsPerToken: linearMacs(node, n, outliers, count),
  };
}

/** Packed codes, outlier columns and column meta, padding included, as the kernels read them. */
function packedBytes(node: LinearNode | QuikLinearNode, n: number, outliers: number): number {
  const bits = node.scheme.weight.bits === 4 ? 4 : 8;
  const base = paddedBase(codedColumns(node, outliers), bits);
  return blockedBytes(n, base, bits) + blockedBytes(n, paddedOutliers(outliers), 16) + columnMetaBytes(n);
}

/** Columns with integer codes: in place, outliers are among them, with the code 0. */
function codedColumns(node: LinearNode | QuikLinearNode, outliers: number): number {
  const inPlace = node.op === 'quik-linear' && node.columns?.mode === 'in-place';
  return inPlace ? node.k : node.k - outliers;
}

function linearMacs(node: LinearNode | QuikLinearNode, n: number, outliers: number, count: number): Macs {
  const { scheme, k } = node;
  if (!isQuantised(scheme)) return { ...noMacs, f16: n * k * count };
  const wide = scheme.weight.bits === 8 || (scheme.activation.kind === 'int' && scheme.activation.bits === 8);
  const base = n * codedColumns(node, outliers) * count;
  return { int4: wide ? 0 : base, int8: wide ? base : 0, f16: n * outliers * count };
}

/** Weights that stay in 16 bit and are not multiplied as a matrix. */
function plainWeights(block: Block, node: GraphNode, n: number, k: number): OperationSummary {
  const count = repetitions(block);
  const parameters = n * k * count;
  return {
    name: node.op === 'quantize' ? `norm of ${node.id.replace(/\.quantize$/, '')}` : node.id,
    op: node.op === 'quantize' ? node.prologue.op : node.op,
    layers: [layerNames(block, node.id)],
    count,
    n,
    k,
    scheme: 'w16',
    outliers: 0,
    outlierPercent: 0,
    placeholderColumns: false,
    sparsity: 'dense',
    parameters,
    bytesBefore: parameters * 2,
    bytesAfter: parameters * 2,
    macsPerToken: noMacs,
  };
}

function combine(a: OperationSummary, b: OperationSummary): OperationSummary {
  return {
    ...a,
    layers: [...a.layers, ...b.layers],
    count: a.count + b.count,
    placeholderColumns: a.placeholderColumns || b.placeholderColumns,
    parameters: a.parameters + b.parameters,
    bytesBefore: a.bytesBefore + b.bytesBefore,
    bytesAfter: a.bytesAfter + b.bytesAfter,
    macsPerToken: addMacs(a.macsPerToken, b.macsPerToken),
  };
}

function addMacs(a: Macs, b: Macs): Macs {
  return { int4: a.int4 + b.int4, int8: a.int8 + b.int8, f16: a.f16 + b.f16 };
}
