import type { Graph, GraphNode } from '../../ir/graph.ts';

/** The nodes of which a claim does not hold, each as a sentence. */
export function checkNodes(
  graph: Graph,
  claim: string,
  holds: (node: GraphNode) => boolean,
): readonly string[] {
  return graph.blocks.flatMap((block) =>
    block.nodes
      .filter((node) => !holds(node))
      .map((node) => `${block.name} %${node.id}: not true that ${claim}`),
  );
}
