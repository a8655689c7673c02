import type { Graph } from '../../ir/graph.ts';
import type { ModelInput } from './model-schema.ts';

/** The longest sequence that a model takes, as far as its facts or its table of positions say. */
export function modelContext(graph: Graph, facts: ModelInput['facts']): number | undefined {
  const stated =
    facts === undefined ? undefined : 'positions' in facts ? facts.positions : Reflect.get(facts, 'context');
  const tables = graph.blocks.flatMap(({ nodes }) =>
    nodes.flatMap((node) => (node.op === 'position-embedding' ? [node.positions - node.offset] : [])),
  );
  const limits = [...(typeof stated === 'number' ? [stated] : []), ...tables];
  return limits.length === 0 ? undefined : Math.min(...limits);
}
