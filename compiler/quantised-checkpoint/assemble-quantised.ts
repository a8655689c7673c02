import type { Graph, GraphNode, WeightReference } from '../../ir/graph.ts';
import { repetitions } from '../../ir/graph.ts';
import type { TensorLayout } from '../checkpoint/lay-out-safetensors.ts';
import { quantisedFormat } from '../checkpoint/quantised-tensors.ts';
import { readFloatPieces } from '../checkpoint/read-floats.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { type BytePieces, createSafetensors } from '../checkpoint/write-safetensors.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import { readLayerFiles } from './read-layer-files.ts';

type Faults = readonly Diagnostic[];

export interface AssembleRequest {
  readonly graph: Graph;
  readonly plan: readonly PlannedLayer[];
  /** The model's own, by name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What hold the quantised linears, in the order of the output. */
  readonly files: readonly string[];
}

/**
 * Writes one file of everything: the quantised linears out of files of their own, and all other tensors that the model reads, in its
 * 16-bit format, under their own names and with their rows as they were. No more than a quantised tensor, or 16 MiB of another, is in memory.
 */
export function assembleQuantised(
  file: string,
  { graph, plan, tensors, files }: AssembleRequest,
): Result<undefined, Faults> {
  const read = readLayerFiles(files);
  if (!read.ok) return read;
  const parts = read.value;
  const others = otherTensors(graph, plan).flatMap((name) => tensors.get(name) ?? []);
  const dtype = graph.dtype === 'f16' ? 'F16' : 'BF16';
  const layouts: readonly TensorLayout[] = [
    ...parts.map(({ name, format, shape }) => ({ name, dtype: format.name, shape })),
    ...others.map(({ name, shape }) => ({ name, dtype, shape })),
  ];
  const created = createSafetensors(file, layouts, { format: quantisedFormat, model: graph.name });
  if (!created.ok) return fail([created.error]);
  const writer = created.value;
  try {
    for (const { name, source, offset, bytes } of parts) {
      const content = source.read(offset, bytes);
      const written = content.ok ? writer.write(name, content.value) : content;
      if (!written.ok) return fail([written.error]);
    }
    const { encode } = narrowFloat(graph.dtype);
    for (const tensor of others) {
      const written = writer.write(tensor.name, narrowPieces(tensor, encode));
      if (!written.ok) return fail([written.error]);
    }
    const finished = writer.finish();
    return finished.ok ? finished : fail([finished.error]);
  } finally {
    writer.abandon();
  }
}

/** A tensor in 16 bit, some at a time. */
function* narrowPieces(tensor: StoredTensor, encode: (value: number) => number): BytePieces {
  for (const piece of readFloatPieces(tensor)) {
    if (!piece.ok) {
      yield piece;
      continue;
    }
    const narrow = new Uint16Array(piece.value.length);
    for (const [at, value] of piece.value.entries()) narrow[at] = encode(value);
    yield succeed(bytesOf(narrow));
  }
}

/** Names of what the model reads beside quantised weights, each once. */
function otherTensors(graph: Graph, plan: readonly PlannedLayer[]): readonly string[] {
  const quantised = new Set(
    plan.flatMap(({ groups, layer }) =>
      groups.flatMap(({ linears }) => linears.map(({ weight }) => keyOf(weight, layer.index))),
    ),
  );
  const names = new Set<string>();
  for (const block of graph.blocks) {
    const first = block.repeat?.first ?? 0;
    for (let index = first; index < first + repetitions(block); index++) {
      for (const weight of block.nodes.flatMap(weightsOf))
        if (!quantised.has(keyOf(weight, index))) names.add(weight.tensor.replaceAll('{layer}', `${index}`));
    }
  }
  return [...names];
}

/** A tensor may hold several weights, of other rows each. */
function keyOf({ tensor, rows }: WeightReference, index: number): string {
  return JSON.stringify([tensor.replaceAll('{layer}', `${index}`), rows ?? null]);
}

function weightsOf(node: GraphNode): readonly WeightReference[] {
  const own = 'weight' in node ? [node.weight] : [];
  const bias = 'bias' in node ? [node.bias] : [];
  const parts = 'parts' in node ? node.parts.flatMap((part) => [part.weight, part.bias]) : [];
  const scaling = node.op === 'rope' && node.scaling?.kind === 'divisors' ? [node.scaling.weight] : [];
  return [...own, ...bias, ...parts, ...scaling].filter((weight) => weight !== undefined);
}
