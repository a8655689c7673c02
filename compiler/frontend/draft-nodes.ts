import type { NodeId, Origin, WeightReference } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import type { DraftLinear, DraftNode } from './draft.ts';

/** Nodes of a model that is described by facts, in order, and the one that comes after them reads. */
export interface Part {
  readonly nodes: readonly DraftNode[];
  readonly output: NodeId;
}

export interface LinearFacts {
  readonly name: string;
  readonly from: NodeId;
  readonly k: number;
  readonly n: number;
  readonly origin: Origin;
  readonly hasBias?: boolean;
  readonly weight?: WeightReference | undefined;
  readonly bias?: WeightReference | undefined;
  /** Kept in 16 bit unless a rule names it without wildcards. */
  readonly pinned?: boolean;
  readonly sharedWith?: NodeId;
}

export function draftLinear(facts: LinearFacts): DraftLinear {
  const { name, from, k, n, origin, hasBias = false, weight, bias, pinned = false, sharedWith } = facts;
  const part = {
    name,
    origin,
    n,
    ...(weight && { weight }),
    ...(hasBias && bias !== undefined ? { bias } : {}),
    ...(sharedWith && { sharedWith }),
  };
  const id = nodeId(name);
  return { op: 'linear', id, origin, input: from, k, parts: [part], hasBias, fields: {}, pinned };
}

export function draftAdd(name: string, a: NodeId, b: NodeId, origin: Origin): DraftNode {
  return { op: 'add', id: nodeId(name), origin, a, b };
}
