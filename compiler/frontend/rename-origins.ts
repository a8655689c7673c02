import type { Graph, GraphNode, Origin } from '../../ir/graph.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';

/** The graph with every origin through `rename`. */
export function renameOrigins(graph: Graph, rename: (origin: Origin) => Origin): Graph {
  return mapBlocks(graph, (block) => ({
    ...mapNodes(block, (node) => renameNode(node, rename)),
    origin: rename(block.origin),
  }));
}

function renameNode(node: GraphNode, rename: (origin: Origin) => Origin): GraphNode {
  const origin = rename(node.origin);
  if (node.op !== 'linear') return { ...node, origin };
  const { scheme, outliers, sparsity } = node.request.origins;
  const origins = { scheme: rename(scheme), outliers: rename(outliers), sparsity: rename(sparsity) };
  const parts = node.parts.map((part) => ({ ...part, origin: rename(part.origin) }));
  return { ...node, origin, parts, request: { ...node.request, origins } };
}
