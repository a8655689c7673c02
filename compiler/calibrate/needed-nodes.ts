import type { Block, NodeId } from '../../ir/graph.ts';
import { inputsOf } from '../../ir/visit.ts';

/** The nodes that `goals` are computed from, and themselves. */
export function neededNodes(block: Block, goals: readonly NodeId[]): ReadonlySet<NodeId> {
  const needed = new Set(goals);
  for (const node of block.nodes.toReversed())
    if (needed.has(node.id)) for (const id of inputsOf(node)) needed.add(id);
  return needed;
}
