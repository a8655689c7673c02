import type { AddNode, Block, NodeId, QuikLinearNode } from '../../ir/graph.ts';
import { isReadOnlyBy, mapBlocks, mapInputs, nodesById } from '../../ir/visit.ts';
import type { Pass } from './pass.ts';

/** A residual add moves into the epilogue of the quik-linear that alone feeds it. A bias is there already. */
export const fuseEpilogue: Pass = {
  name: 'fuse-epilogue',
  ensures: 'no add reads a quik-linear that could have added it itself',
  run: (graph) => mapBlocks(graph, fuseBlock),
  check: (graph) =>
    graph.blocks.flatMap((block) => {
      const found = findFusion(block);
      return found === undefined
        ? []
        : [`${block.name}: %${found.linear.id} could take over %${found.add.id}`];
    }),
};

interface Fusion {
  readonly add: AddNode;
  readonly linear: QuikLinearNode;
  readonly residual: NodeId;
}

function fuseBlock(block: Block): Block {
  let fused = block;
  for (let found = findFusion(fused); found !== undefined; found = findFusion(fused))
    fused = apply(fused, found);
  return fused;
}

function findFusion(block: Block): Fusion | undefined {
  const byId = nodesById(block);
  for (const add of block.nodes) {
    if (add.op !== 'add') continue;
    // The later operand first: it is the branch, the earlier one the residual stream.
    for (const [candidate, residual] of [[add.b, add.a] as const, [add.a, add.b] as const]) {
      const linear = byId.get(candidate);
      const free = linear?.op === 'quik-linear' && linear.residual === undefined && candidate !== residual;
      if (free && isReadOnlyBy(block, candidate, add)) return { add, linear, residual };
    }
  }
  return undefined;
}

/** The linear moves to where the add was, where both operands are defined, and what read the add reads it. */
function apply(block: Block, { add, linear, residual }: Fusion): Block {
  const rename = (id: NodeId) => (id === add.id ? linear.id : id);
  const nodes = block.nodes.flatMap((node) => {
    if (node.id === linear.id) return [];
    if (node.id === add.id) return [{ ...linear, residual, residualOrigin: add.origin }];
    return [mapInputs(node, rename)];
  });
  return { ...block, nodes, output: rename(block.output) };
}
