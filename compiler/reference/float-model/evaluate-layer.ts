import type { Block, NodeId, WeightReference } from '../../../ir/graph.ts';
import type { Result } from '../../support/result.ts';
import { fail } from '../../support/result.ts';
import type { KeyValues } from './attend.ts';
import { evaluateNode } from './evaluate-node.ts';
import type { Matrix } from './matrix.ts';
import type { MultiplyWeights } from './multiply-weights.ts';

/** The float32 values of a weight in a repetition, row-major. Asked for again and again: whoever reads them may keep them. */
export type ReadWeight<E> = (reference: WeightReference, layer: number) => Result<Float32Array, E>;

/** What one repetition of a block is evaluated in. */
export interface LayerSurroundings<E> {
  readonly read: ReadWeight<E>;
  readonly multiply: MultiplyWeights;
  /** Position of the first row. */
  readonly position: number;
  /** What an attention of this repetition has seen before; filled by it. */
  readonly keyValues: (id: NodeId) => KeyValues;
  /** Nodes to evaluate: all unless given. Has what each of them reads. */
  readonly needed?: ReadonlySet<NodeId>;
}

/**
 * Evaluates a repetition of a block on `input` node by node, and yields what each came to, the input first: a caller may look at
 * values, or let others run in between. A weight that cannot be read is thrown; see catchWeightFault.
 */
export function* evaluateLayer<E>(
  block: Block,
  layer: number,
  input: Matrix,
  { read, multiply, position, keyValues, needed }: LayerSurroundings<E>,
): Generator<readonly [NodeId, Matrix], Matrix, void> {
  const values = new Map<NodeId, Matrix>();
  const rowsOf = (id: NodeId): Matrix => values.get(id) ?? input;
  const weightOf = (reference: WeightReference | undefined) => {
    if (reference === undefined) return undefined;
    const weight = read(reference, layer);
    if (!weight.ok) throw new WeightFault(weight.error);
    return weight.value;
  };
  const around = { rowsOf, weightOf, position, keyValues, multiply };
  for (const [index, node] of block.nodes.entries()) {
    if (needed?.has(node.id) === false) continue;
    const value = index === 0 ? input : evaluateNode(node, around);
    values.set(node.id, value);
    yield [node.id, value];
  }
  return rowsOf(block.output);
}

/** Carries what reading a weight failed with out of the nodes. */
class WeightFault extends Error {
  readonly fault: unknown;
  constructor(fault: unknown) {
    super('a weight cannot be read');
    this.fault = fault;
  }
}

/** What reading a weight failed with, out of what evaluateLayer threw; anything else is thrown on. */
export function catchWeightFault<E>(cause: unknown): Result<never, E> {
  if (cause instanceof WeightFault) return fail(cause.fault as E);
  throw cause;
}
