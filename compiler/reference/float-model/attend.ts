import type { AttentionNode } from '../../../ir/graph.ts';
import { type Matrix, makeMatrix } from './matrix.ts';

/** Keys and values of the tokens so far, one row a token, row-major. */
export interface KeyValues {
  keys: Float64Array;
  values: Float64Array;
  tokens: number;
}

export function noKeyValues(): KeyValues {
  return { keys: new Float64Array(0), values: new Float64Array(0), tokens: 0 };
}

/**
 * Causal attention of the rows of q over the tokens in `cache` and then those of k and v, which it is given: softmax of
 * q · k / sqrt(headDim) over the token itself and those before it, at most `window` of them. q [M, heads · D],
 * k and v [M, kvHeads · D]; heads / kvHeads heads in a row share a KV head.
 */
export function attend(
  { heads, kvHeads, headDim, window }: Pick<AttentionNode, 'heads' | 'kvHeads' | 'headDim' | 'window'>,
  q: Matrix,
  k: Matrix,
  v: Matrix,
  cache: KeyValues,
): Matrix {
  const before = cache.tokens;
  cache.keys = append(cache.keys, before * k.columns, k.data);
  cache.values = append(cache.values, before * v.columns, v.data);
  cache.tokens = before + k.rows;
  const out = makeMatrix(q.rows, heads * headDim);
  const scale = 1 / Math.sqrt(headDim);
  const scores = new Float64Array(cache.tokens);
  for (let row = 0; row < q.rows; row++) {
    const last = before + row;
    const first = window === undefined ? 0 : Math.max(0, last - window + 1);
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor(head / (heads / kvHeads)) * headDim;
      const at = row * q.columns + head * headDim;
      let largest = Number.NEGATIVE_INFINITY;
      for (let token = first; token <= last; token++) {
        const key = token * k.columns + shared;
        let sum = 0;
        for (let i = 0; i < headDim; i++) sum += (q.data[at + i] ?? 0) * (cache.keys[key + i] ?? 0);
        scores[token] = sum * scale;
        largest = Math.max(largest, sum * scale);
      }
      let total = 0;
      for (let token = first; token <= last; token++) {
        const weight = Math.exp((scores[token] ?? 0) - largest);
        scores[token] = weight;
        total += weight;
      }
      for (let token = first; token <= last; token++) {
        const weight = (scores[token] ?? 0) / total;
        const value = token * v.columns + shared;
        for (let i = 0; i < headDim; i++)
          out.data[at + i] = (out.data[at + i] ?? 0) + weight * (cache.values[value + i] ?? 0);
      }
    }
  }
  return out;
}

/** Room grows by doubling, so that a token at a time costs no copy of all. */
function append(kept: Float64Array, used: number, more: Float64Array): Float64Array {
  const needed = used + more.length;
  const room = needed <= kept.length ? kept : new Float64Array(used === 0 ? needed : 2 * needed);
  if (room !== kept) room.set(kept.subarray(0, used));
  room.set(more, used);
  return room;
}
