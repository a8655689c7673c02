import type { WeightReference } from '../../../ir/graph.ts';
import type { Result } from '../../support/result.ts';
import type { KeyValues } from './attend.ts';

/** The float32 values of a weight in a repetition, row-major. Asked for again and again: whoever reads them may keep them. */
export type ReadWeight<E> = (reference: WeightReference, layer: number) => Result<Float32Array, E>;

/** What a model has seen of one sequence. Made empty, filled by each call of `forward`. */
export interface Session {
  tokens: number;
  readonly keyValues: Map<string, KeyValues>;
}

export function newSession(): Session {
  return { tokens: 0, keyValues: new Map() };
}
