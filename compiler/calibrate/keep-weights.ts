import type { Graph, WeightReference } from '../../ir/graph.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { succeed } from '../support/result.ts';

/** Nobody counts what is less. */
const fewBytes = 2 ** 26;

/**
 * How much of a layer's weights is kept in float32 while windows pass through it: with the one that is multiplied, and its copy for
 * threads, no more than twice the largest tensor of the model.
 */
export function keptBytes(graph: Graph): number {
  const linears: number[] = [];
  const others: number[] = [];
  for (const node of graph.blocks.flatMap(({ nodes }) => nodes)) {
    if (node.op === 'linear') linears.push(...node.parts.map(({ n }) => 4 * n * node.k));
    if (node.op === 'embedding') others.push(4 * node.vocab * node.features);
  }
  const linear = Math.max(0, ...linears);
  return Math.max(fewBytes, 2 * Math.max(linear, ...others) - 2 * linear);
}

/** Reads a weight once, and again only where it did not fit `most` bytes with those before it. */
export function keepWeights<E>(read: ReadWeight<E>, most: number): ReadWeight<E> {
  const kept = new Map<WeightReference, Float32Array>();
  let bytes = 0;
  return (reference, layer) => {
    const known = kept.get(reference);
    if (known !== undefined) return succeed(known);
    const weight = read(reference, layer);
    if (weight.ok && bytes + weight.value.byteLength <= most) {
      kept.set(reference, weight.value);
      bytes += weight.value.byteLength;
    }
    return weight;
  };
}
