import type { Block, Graph, NodeId, WeightReference } from '../../../ir/graph.ts';
import { repetitions } from '../../../ir/graph.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import { type KeyValues, noKeyValues } from './attend.ts';
import { evaluateNode } from './evaluate-node.ts';
import { type Matrix, makeMatrix, rowOf } from './matrix.ts';
import { type MultiplyWeights, multiplyWeights } from './multiply-weights.ts';

/** The float32 values of a weight in a repetition, row-major. Asked for again and again: whoever reads them may keep them. */
export type ReadWeight<E> = (reference: WeightReference, layer: number) => Result<Float32Array, E>;

/** What a model has seen of one sequence. Made empty, filled by each call of `forward`. */
export interface Session {
  tokens: number;
  readonly keyValues: Map<string, KeyValues>;
}

export function newSession(): Session {
  return { tokens: 0, keyValues: new Map() };
}

/**
 * A model in float64 from its float32 weights, on the graph as it was imported: the oracle for whole models. Right first:
 * no weight is quantised, no value is rounded on the way.
 */
export interface FloatModel<E> {
  /**
   * What the model puts out for `ids`, which follow what `session` has seen: logits [M, vocab], or of the rows in `wanted`
   * alone, which spares most of a large output head. Faults are those of reading weights.
   */
  forward(ids: readonly number[], session: Session, wanted?: readonly number[]): Result<Matrix, E>;
}

/** `multiply` is a pool's, where more threads than the caller's are to compute. */
export function createFloatModel<E>(
  graph: Graph,
  readWeight: ReadWeight<E>,
  multiply: MultiplyWeights = multiplyWeights,
): FloatModel<E> {
  return {
    forward(ids, session, wanted) {
      let value = makeMatrix(ids.length, 1);
      value.data.set(ids);
      try {
        for (const block of graph.blocks) {
          if (wanted !== undefined && block === graph.blocks.at(-1) && isRowWise(block))
            value = pickRows(value, wanted);
          value = evaluateBlock(block, value, { session, read: readWeight, multiply });
        }
      } catch (cause) {
        if (cause instanceof WeightFault) return fail((cause as WeightFault<E>).fault);
        throw cause;
      }
      session.tokens += ids.length;
      const whole = wanted !== undefined && value.rows !== wanted.length;
      return succeed(whole ? pickRows(value, wanted) : value);
    },
  };
}

/** Carries what reading a weight failed with out of the nodes. */
class WeightFault<E> extends Error {
  readonly fault: E;
  constructor(fault: E) {
    super('a weight cannot be read');
    this.fault = fault;
  }
}

interface Run<E> {
  readonly session: Session;
  readonly read: ReadWeight<E>;
  readonly multiply: MultiplyWeights;
}

function evaluateBlock<E>(block: Block, input: Matrix, { session, read, multiply }: Run<E>): Matrix {
  let carried = input;
  const first = block.repeat?.first ?? 0;
  for (let layer = first; layer < first + repetitions(block); layer++) {
    const values = new Map<NodeId, Matrix>();
    const [start] = block.nodes;
    if (start !== undefined) values.set(start.id, carried);
    const rowsOf = (id: NodeId): Matrix => values.get(id) ?? carried;
    const weightOf = (reference: WeightReference | undefined) => {
      if (reference === undefined) return undefined;
      const weight = read(reference, layer);
      if (!weight.ok) throw new WeightFault(weight.error);
      return weight.value;
    };
    const keyValues = (id: NodeId): KeyValues => {
      const key = `${block.name} ${layer} ${id}`;
      const known = session.keyValues.get(key) ?? noKeyValues();
      session.keyValues.set(key, known);
      return known;
    };
    const around = { rowsOf, weightOf, position: session.tokens, keyValues, multiply };
    for (const node of block.nodes.slice(1)) values.set(node.id, evaluateNode(node, around));
    carried = rowsOf(block.output);
  }
  return carried;
}

/** True where no row of the output depends on another row, nor on its place. */
function isRowWise(block: Block): boolean {
  return block.nodes.every(({ op }) => op !== 'attention' && op !== 'rope' && op !== 'position-embedding');
}

function pickRows(x: Matrix, rows: readonly number[]): Matrix {
  const picked = makeMatrix(rows.length, x.columns);
  rows.forEach((row, index) => {
    picked.data.set(rowOf(x, row), index * x.columns);
  });
  return picked;
}
