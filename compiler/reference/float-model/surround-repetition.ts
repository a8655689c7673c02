import type { Block, NodeId } from '../../../ir/graph.ts';
import { fail, type Result } from '../../support/result.ts';
import { noKeyValues } from './attend.ts';
import type { Surroundings } from './evaluate-node.ts';
import type { Matrix } from './matrix.ts';
import type { MultiplyWeights } from './multiply-weights.ts';
import type { ReadWeight, Session } from './session.ts';

/** What all nodes of a call of `forward` share. */
export interface ForwardRun<E> {
  readonly session: Session;
  readonly read: ReadWeight<E>;
  readonly multiply: MultiplyWeights;
}

/** A repetition of a block while its nodes are evaluated. */
export interface Repetition {
  /** What each node came to; filled by whoever evaluates them. */
  readonly values: Map<NodeId, Matrix>;
  readonly around: Surroundings;
}

/** What the nodes of repetition `layer` of a block see, which is given `carried`. */
export function surroundRepetition<E>(
  block: Block,
  layer: number,
  carried: Matrix,
  { session, read, multiply }: ForwardRun<E>,
): Repetition {
  const values = new Map<NodeId, Matrix>();
  const [start] = block.nodes;
  if (start !== undefined) values.set(start.id, carried);
  return {
    values,
    around: {
      ...{ position: session.tokens, multiply },
      rowsOf: (id) => values.get(id) ?? carried,
      weightOf: (reference) => (reference === undefined ? undefined : unwrap(read(reference, layer))),
      keyValues(id) {
        const key = `${block.name} ${layer} ${id}`;
        const known = session.keyValues.get(key) ?? noKeyValues();
        session.keyValues.set(key, known);
        return known;
      },
    },
  };
}

/** Carries what a node failed with, e.g. reading a weight, out of its evaluation. */
export class NodeFault<E> extends Error {
  readonly fault: E;
  constructor(fault: E) {
    super('a node cannot be evaluated');
    this.fault = fault;
  }
}

/** The value of a result, or a NodeFault thrown. */
export function unwrap<T, E>(result: Result<T, E>): T {
  if (result.ok) return result.value;
  throw new NodeFault(result.error);
}

/** What a node failed with, out of what its evaluation threw; anything else is thrown on. */
export function catchNodeFault<E>(cause: unknown): Result<never, E> {
  if (cause instanceof NodeFault) return fail((cause as NodeFault<E>).fault);
  throw cause;
}
