import type { Block, Graph, GraphNode, NodeId } from './graph.ts';

/** The values a node reads, in a fixed order. */
export function inputsOf(node: GraphNode): readonly NodeId[] {
  switch (node.op) {
    case 'input':
      return [];
    case 'attention':
      return [node.q, node.k, node.v];
    case 'gated-activation':
      return [node.gate, node.up];
    case 'add':
      return [node.a, node.b];
    case 'quik-linear':
      return node.residual === undefined ? [node.input] : [node.input, node.residual];
    default:
      return [node.input];
  }
}

/** `node` reading `rename(id)` wherever it read `id`; the same reference when nothing changes. */
export function mapInputs<N extends GraphNode>(node: N, rename: (id: NodeId) => NodeId): N {
  if (inputsOf(node).every((id) => rename(id) === id)) return node;
  return { ...node, ...renamedFields(node, rename) };
}

function renamedFields(node: GraphNode, rename: (id: NodeId) => NodeId): object {
  switch (node.op) {
    case 'input':
      return {};
    case 'attention':
      return { q: rename(node.q), k: rename(node.k), v: rename(node.v) };
    case 'gated-activation':
      return { gate: rename(node.gate), up: rename(node.up) };
    case 'add':
      return { a: rename(node.a), b: rename(node.b) };
    case 'quik-linear': {
      const input = rename(node.input);
      return node.residual === undefined ? { input } : { input, residual: rename(node.residual) };
    }
    default:
      return { input: rename(node.input) };
  }
}

/** Each block through `visit`; the same graph when every block comes back unchanged. */
export function mapBlocks(graph: Graph, visit: (block: Block) => Block): Graph {
  const blocks = graph.blocks.map(visit);
  return blocks.every((block, index) => block === graph.blocks[index]) ? graph : { ...graph, blocks };
}

/** Each node through `visit`; the same block when every node comes back unchanged. */
export function mapNodes(block: Block, visit: (node: GraphNode) => GraphNode): Block {
  const nodes = block.nodes.map(visit);
  return nodes.every((node, index) => node === block.nodes[index]) ? block : { ...block, nodes };
}

export function nodesById(block: Block): ReadonlyMap<NodeId, GraphNode> {
  return new Map(block.nodes.map((node) => [node.id, node]));
}

/** The nodes that read each value. A value nobody reads has no entry; the block's output counts as no node. */
export function usersOf(block: Block): ReadonlyMap<NodeId, readonly GraphNode[]> {
  const users = new Map<NodeId, GraphNode[]>();
  for (const node of block.nodes) {
    for (const id of new Set(inputsOf(node))) {
      const list = users.get(id);
      if (list === undefined) users.set(id, [node]);
      else list.push(node);
    }
  }
  return users;
}

/** Without the nodes whose value nobody needs; the same block when all are needed. The input node stays. */
export function removeUnused(block: Block): Block {
  const needed = new Set<NodeId>([block.output]);
  for (const node of block.nodes.toReversed()) {
    if (node.op === 'input') needed.add(node.id);
    if (needed.has(node.id)) for (const id of inputsOf(node)) needed.add(id);
  }
  const nodes = block.nodes.filter((node) => needed.has(node.id));
  return nodes.length === block.nodes.length ? block : { ...block, nodes };
}
