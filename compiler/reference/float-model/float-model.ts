import type { Block, Graph, NodeId } from '../../../ir/graph.ts';
import { repetitions } from '../../../ir/graph.ts';
import type { Result } from '../../support/result.ts';
import { succeed } from '../../support/result.ts';
import { type KeyValues, noKeyValues } from './attend.ts';
import { catchWeightFault, evaluateLayer, type ReadWeight } from './evaluate-layer.ts';
import { type Matrix, makeMatrix, rowOf } from './matrix.ts';
import { type MultiplyWeights, multiplyWeights } from './multiply-weights.ts';

export type { ReadWeight };

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
        return catchWeightFault(cause);
      }
      session.tokens += ids.length;
      const whole = wanted !== undefined && value.rows !== wanted.length;
      return succeed(whole ? pickRows(value, wanted) : value);
    },
  };
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
    const keyValues = (id: NodeId): KeyValues => {
      const key = `${block.name} ${layer} ${id}`;
      const known = session.keyValues.get(key) ?? noKeyValues();
      session.keyValues.set(key, known);
      return known;
    };
    const steps = evaluateLayer(block, layer, carried, {
      ...{ read, multiply, keyValues },
      position: session.tokens,
    });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    carried = step.value;
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
