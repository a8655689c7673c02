import type { Block, Graph, QuikLinearNode } from '../../ir/graph.ts';
import { layerName, outputChannels, repetitions } from '../../ir/graph.ts';
import { createSafetensors } from '../checkpoint/write-safetensors.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quantizeOf, readOperands } from '../evaluate/linear-operands.ts';
import type { LoadedEvaluation } from '../open-evaluation/load-evaluation.ts';
import { type PackedShape, packedFormat, packedSpec } from '../package/packed-weights.ts';
import { blockedBytes, columnMetaBytes, paddedBase, paddedOutliers } from '../reference/layouts.ts';
import { packQuantised } from '../reference/pack-quantised.ts';
import { assert } from '../support/assert.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** One linear of the fused graph, in one repetition. */
interface PackedLayer {
  readonly block: Block;
  readonly node: QuikLinearNode;
  readonly index: number;
  readonly name: string;
  readonly shape: PackedShape;
}

/**
 * Writes the weights of a quantised model as the kernels read them, as one file, whole or not at all: docs/bundle.md, "Packed weights
 * in a file". One file serves every target. Faults are those of reading weights, QK187 where there are none, QK171.
 */
export function packCheckpoint(
  { graph, weights }: Pick<LoadedEvaluation, 'graph' | 'weights'>,
  output: string,
  onFraction: (fraction: number) => void,
): Result<{ readonly layers: number; readonly bytes: number }, Diagnostic> {
  const layers = listPacked(graph);
  if (layers.length === 0)
    return fail(diagnose('QK187', { message: `no linear of ${graph.name} is quantised` }));
  const layouts = layers.flatMap(({ name, shape }) =>
    sizesOf(shape).map(([argument, bytes]) => ({ name: `${name}.${argument}`, dtype: 'U8', shape: [bytes] })),
  );
  const specs = layers.map(
    ({ block, node, shape }) => [`${block.name}/${node.id}`, packedSpec(shape, graph.dtype)] as const,
  );
  const created = createSafetensors(output, layouts, {
    format: packedFormat,
    model: graph.name,
    specs: JSON.stringify(Object.fromEntries(specs)),
  });
  if (!created.ok) return created;
  const writer = created.value;
  try {
    for (const [at, { block, node, index, name, shape }] of layers.entries()) {
      const operands = readOperands(weights, block, index, node);
      if (!operands.ok) return operands;
      const { weights: linear, bias } = operands.value;
      const packed = packQuantised(linear, { dtype: graph.dtype, columns: shape.columnMode, bias });
      const { weights: codes, columnMeta, outlierWeights } = packed;
      const parts = { weights: codes, column_meta: columnMeta, outlier_weights: outlierWeights };
      for (const [argument] of sizesOf(shape)) {
        const written = writer.write(`${name}.${argument}`, parts[argument]);
        if (!written.ok) return written;
      }
      onFraction((at + 1) / layers.length);
    }
    const finished = writer.finish();
    const total = layouts.reduce((sum, { shape: [bytes = 0] }) => sum + bytes, 0);
    return finished.ok ? succeed({ layers: layers.length, bytes: total }) : finished;
  } finally {
    writer.abandon();
  }
}

function listPacked(graph: Graph): readonly PackedLayer[] {
  return graph.blocks.flatMap((block) => {
    const first = block.repeat?.first ?? 0;
    const nodes = block.nodes.flatMap((node) => (node.op === 'quik-linear' ? [node] : []));
    return Array.from({ length: repetitions(block) }, (_, offset) => first + offset).flatMap((index) =>
      nodes.map((node) => ({
        ...{ block, node, index },
        name: layerName(block, node.id, index),
        shape: shapeOf(block, node),
      })),
    );
  });
}

function shapeOf(block: Block, node: QuikLinearNode): PackedShape {
  const { bits } = node.scheme.weight;
  assert(bits === 4 || bits === 8, 'choose-scheme ran');
  const { outliers } = quantizeOf(block, node);
  const columnMode = node.columns?.mode ?? 'compact';
  return { bits, n: outputChannels(node), k: node.k, outliers, columnMode };
}

/** Arguments that are not empty, in the order of packQuantised's result. */
function sizesOf({ bits, n, k, outliers, columnMode }: PackedShape) {
  const base = paddedBase(columnMode === 'compact' ? k - outliers : k, bits);
  const sizes = [
    ['weights', blockedBytes(n, base, bits)],
    ['column_meta', columnMetaBytes(n)],
    ['outlier_weights', blockedBytes(n, paddedOutliers(outliers), 16)],
  ] as const;
  return sizes.filter(([, bytes]) => bytes > 0);
}
