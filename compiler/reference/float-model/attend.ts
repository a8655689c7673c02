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
      const size = { columns: k.columns, headDim };
      scoreTokens(scores, q.data.subarray(at, at + headDim), cache.keys, shared, size, first, last);
      let largest = Number.NEGATIVE_INFINITY;
      for (let token = first; token <= last; token++) {
        const score = (scores[token] ?? 0) * scale;
        scores[token] = score;
        largest = Math.max(largest, score);
      }
      let total = 0;
      for (let token = first; token <= last; token++) {
        const weight = Math.exp((scores[token] ?? 0) - largest);
        scores[token] = weight;
        total += weight;
      }
      for (let token = first; token <= last; token++) scores[token] = (scores[token] ?? 0) / total;
      const into = out.data.subarray(at, at + headDim);
      addValues(into, scores, cache.values, shared, { columns: v.columns, headDim }, first, last);
    }
  }
  return out;
}

interface HeadSize {
  /** From one token's row to the next. */
  readonly columns: number;
  readonly headDim: number;
}

/** q · k of each token, four at a time: each sum in the order of its features, but none waits for another's additions. */
function scoreTokens(
  scores: Float64Array,
  q: Float64Array,
  keys: Float64Array,
  shared: number,
  { columns, headDim }: HeadSize,
  first: number,
  last: number,
): void {
  for (let token = first; token <= last; token += 4) {
    // Beyond the last token the last one is computed again, and not kept.
    const key0 = token * columns + shared;
    const key1 = Math.min(token + 1, last) * columns + shared;
    const key2 = Math.min(token + 2, last) * columns + shared;
    const key3 = Math.min(token + 3, last) * columns + shared;
    let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
    for (let i = 0; i < headDim; i++) {
      const value = q[i] ?? 0;
      sum0 += value * (keys[key0 + i] ?? 0);
      sum1 += value * (keys[key1 + i] ?? 0);
      sum2 += value * (keys[key2 + i] ?? 0);
      sum3 += value * (keys[key3 + i] ?? 0);
    }
    scores[token] = sum0;
    if (token + 1 <= last) scores[token + 1] = sum1;
    if (token + 2 <= last) scores[token + 2] = sum2;
    if (token + 3 <= last) scores[token + 3] = sum3;
  }
}

/** Adds the values of each token by its weight, in the order of tokens; four at a time, so that sums are stored less often. */
function addValues(
  into: Float64Array,
  weights: Float64Array,
  values: Float64Array,
  shared: number,
  { columns, headDim }: HeadSize,
  first: number,
  last: number,
): void {
  let token = first;
  for (; token + 3 <= last; token += 4) {
    const at = token * columns + shared;
    const weight0 = weights[token] ?? 0;
    const weight1 = weights[token + 1] ?? 0;
    const weight2 = weights[token + 2] ?? 0;
    const weight3 = weights[token + 3] ?? 0;
    for (let i = 0; i < headDim; i++) {
      let sum = into[i] ?? 0;
      sum += weight0 * (values[at + i] ?? 0);
      sum += weight1 * (values[at + columns + i] ?? 0);
      sum += weight2 * (values[at + 2 * columns + i] ?? 0);
      sum += weight3 * (values[at + 3 * columns + i] ?? 0);
      into[i] = sum;
    }
  }
  for (; token <= last; token++) {
    const at = token * columns + shared;
    const weight = weights[token] ?? 0;
    for (let i = 0; i < headDim; i++) into[i] = (into[i] ?? 0) + weight * (values[at + i] ?? 0);
  }
}

/** Room grows by doubling, so that a token at a time costs no copy of all. */
function append(kept: Float64Array, used: number, more: Float64Array): Float64Array {
  const needed = used + more.length;
  const room = needed <= kept.length ? kept : new Float64Array(used === 0 ? needed : 2 * needed);
  if (room !== kept) room.set(kept.subarray(0, used));
  room.set(more, used);
  return room;
}
