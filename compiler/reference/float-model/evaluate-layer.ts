import type { Block, NodeId } from '../../../ir/graph.ts';
import { evaluateNode } from './evaluate-node.ts';
import type { Matrix } from './matrix.ts';
import { type ForwardRun, surroundRepetition } from './surround-repetition.ts';

/**
 * Evaluates a repetition of a block on `input` node by node, and yields what each came to, the input first: a caller may look at
 * values, or let others run in between. `needed` are the nodes to evaluate, with what each of them reads: all unless given. What
 * cannot be read is thrown; see catchNodeFault.
 */
export function* evaluateLayer<E>(
  block: Block,
  layer: number,
  input: Matrix,
  run: ForwardRun<E>,
  needed?: ReadonlySet<NodeId>,
): Generator<readonly [NodeId, Matrix], Matrix, void> {
  const { values, around } = surroundRepetition(block, layer, input, run);
  for (const [index, node] of block.nodes.entries()) {
    if (needed?.has(node.id) === false) continue;
    const value = index === 0 ? input : evaluateNode(node, around);
    values.set(node.id, value);
    yield [node.id, value];
  }
  return around.rowsOf(block.output);
}
