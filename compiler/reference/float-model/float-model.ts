import type { Block, Graph } from '../../../ir/graph.ts';
import { repetitions } from '../../../ir/graph.ts';
import type { Result } from '../../support/result.ts';
import { succeed } from '../../support/result.ts';
import { evaluateNode } from './evaluate-node.ts';
import { type Matrix, makeMatrix, rowOf } from './matrix.ts';
import { type MultiplyWeights, multiplyWeights } from './multiply-weights.ts';
import { newSession, type ReadWeight, type Session } from './session.ts';
import { catchNodeFault, type ForwardRun, surroundRepetition } from './surround-repetition.ts';

export { newSession, type ReadWeight, type Session };

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
        return catchNodeFault(cause);
      }
      session.tokens += ids.length;
      const whole = wanted !== undefined && value.rows !== wanted.length;
      return succeed(whole ? pickRows(value, wanted) : value);
    },
  };
}

function evaluateBlock<E>(block: Block, input: Matrix, run: ForwardRun<E>): Matrix {
  let carried = input;
  const first = block.repeat?.first ?? 0;
  for (let layer = first; layer < first + repetitions(block); layer++) {
    const { values, around } = surroundRepetition(block, layer, carried, run);
    for (const node of block.nodes.slice(1)) values.set(node.id, evaluateNode(node, around));
    carried = around.rowsOf(block.output);
  }
  return carried;
}

/** True where no row of the output depends on another row, nor on its place. */
export function isRowWise(block: Block): boolean {
  return block.nodes.every(({ op }) => op !== 'attention' && op !== 'rope' && op !== 'position-embedding');
}

export function pickRows(x: Matrix, rows: readonly number[]): Matrix {
  const picked = makeMatrix(rows.length, x.columns);
  rows.forEach((row, index) => {
    picked.data.set(rowOf(x, row), index * x.columns);
  });
  return picked;
}
