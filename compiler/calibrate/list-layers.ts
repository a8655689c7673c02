import type { Block, Graph, LinearNode, NodeId } from '../../ir/graph.ts';
import { layerName, repetitions } from '../../ir/graph.ts';

/** A repetition of a block: what a model is computed by, one after the other. */
export interface ModelLayer {
  readonly block: Block;
  /** Of the repetition, counted from the model's first. */
  readonly index: number;
  /** `layers.3`, or the name of a block that runs once. */
  readonly name: string;
  /** Its linears by the value that they read. */
  readonly groups: readonly LinearGroup[];
}

/** Linears that read the same value: what is known of it is known for all. */
export interface LinearGroup {
  readonly input: NodeId;
  readonly k: number;
  readonly linears: readonly GroupedLinear[];
}

export interface GroupedLinear {
  /** With the number of the repetition: layers.3.mlp.up_proj. */
  readonly name: string;
  readonly node: LinearNode;
}

/** The layers of a graph as it was imported, in the order they run. */
export function listLayers(graph: Graph): readonly ModelLayer[] {
  return graph.blocks.flatMap((block) =>
    Array.from({ length: repetitions(block) }, (_, offset) => {
      const index = (block.repeat?.first ?? 0) + offset;
      const name = block.repeat === undefined ? block.name : `${block.prefix}.${index}`;
      return { block, index, name, groups: groupLinears(block, index) };
    }),
  );
}

function groupLinears(block: Block, index: number): readonly LinearGroup[] {
  const groups = new Map<NodeId, { readonly k: number; readonly linears: GroupedLinear[] }>();
  for (const node of block.nodes) {
    if (node.op !== 'linear') continue;
    const group = groups.get(node.input) ?? { k: node.k, linears: [] };
    groups.set(node.input, group);
    group.linears.push({ name: layerName(block, node.id, index), node });
  }
  return [...groups].map(([input, { k, linears }]) => ({ input, k, linears }));
}
