import type { ModelLayer } from './list-layers.ts';
import { neededNodes } from './needed-nodes.ts';

/** Multiply-adds of one token in a layer, roughly: what takes the time of a walk. `whole`: up to its output; `grams`: Xᵀ X too. */
export function countProducts({ block, groups }: ModelLayer, whole: boolean, grams: boolean): number {
  const goals = groups.map(({ input }) => input);
  const needed = neededNodes(block, whole ? [...goals, block.output] : goals);
  const products = block.nodes.map((node) =>
    node.op === 'linear' && needed.has(node.id) ? node.k * node.parts.reduce((sum, { n }) => sum + n, 0) : 1,
  );
  const squares = groups.map(({ k }) => (grams ? (k * k) / 2 : 0));
  return [...products, ...squares].reduce((sum, cost) => sum + cost, 0);
}
