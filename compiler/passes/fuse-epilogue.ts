import type { AddNode, Block, NodeId, QuikLinearNode } from '../../ir/graph.ts';
import { mapBlocks, mapInputs, nodesById, usersOf } from '../../ir/visit.ts';
import type { Pass } from './pass.ts';

/** A residual add moves into the epilogue of the quik-linear that alone feeds it. A bias is there already. */
export const fuseEpilogue: Pass = {
  name: 'fuse-epilogue',
  ensures: 'no add reads a quik-linear that could have added it itself',
  run: (graph) => mapBlocks(graph, fuseBlock),
  check: (graph) =>
    graph.blocks.flatMap((block) =>
      findFusions(block).map(({ add, linear }) => `${block.name}: %${linear.id} could take over %${add.id}`),
    ),
};

interface Fusion {
  readonly add: AddNode;
  readonly linear: QuikLinearNode;
  readonly residual: NodeId;
}

/** One look suffices: a linear that has taken over an add has its residual, and takes no second one. */
function findFusions(block: Block): readonly Fusion[] {
  const byId = nodesById(block);
  const users = usersOf(block);
  return block.nodes.flatMap((add): readonly Fusion[] => {
    if (add.op !== 'add' || add.a === add.b) return [];
    // The later operand first: it is the branch, the earlier one the residual stream.
    for (const [candidate, residual] of [[add.b, add.a] as const, [add.a, add.b] as const]) {
      const linear = byId.get(candidate);
      const isRead = block.output === candidate || (users.get(candidate)?.length ?? 0) > 1;
      if (linear?.op === 'quik-linear' && linear.residual === undefined && !isRead)
        return [{ add, linear, residual }];
    }
    return [];
  });
}

/** Each linear moves to where its add was, where both operands are defined, and what read the add reads it. */
function fuseBlock(block: Block): Block {
  const fusions = findFusions(block);
  if (fusions.length === 0) return block;
  const moved = new Set(fusions.map(({ linear }) => linear.id));
  const byAdd = new Map(fusions.map((fusion) => [fusion.add.id, fusion]));
  const rename = (id: NodeId) => byAdd.get(id)?.linear.id ?? id;
  const nodes = block.nodes.flatMap((node) => {
    if (moved.has(node.id)) return [];
    const fusion = byAdd.get(node.id);
    if (fusion === undefined) return [mapInputs(node, rename)];
    const { add, linear, residual } = fusion;
    return [{ ...linear, residual: rename(residual), residualOrigin: add.origin }];
  });
  return { ...block, nodes, output: rename(block.output) };
}
