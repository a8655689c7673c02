import type { Graph } from '../../ir/graph.ts';
import type { ModelInput } from './model-schema.ts';

/** The longest sequence that a model takes, where its facts or its table of positions say so. */
export function modelContext(graph: Graph, facts: ModelInput['facts']): number | undefined {
  if (facts !== undefined && 'context' in facts) return facts.context;
  const nodes = graph.blocks.flatMap((block) => block.nodes);
  const table = nodes.find((node) => node.op === 'position-embedding');
  return table?.op === 'position-embedding' ? table.positions - table.offset : undefined;
}
