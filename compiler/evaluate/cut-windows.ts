import type { Graph } from '../../ir/graph.ts';

/** What a model takes: ids below `vocab`, sequences of at most `longest` tokens. */
export interface ModelLimits {
  readonly vocab: number;
  readonly longest: number;
}

export function limitsOf({ blocks }: Graph): ModelLimits {
  const limits = { vocab: Number.POSITIVE_INFINITY, longest: Number.POSITIVE_INFINITY };
  for (const node of blocks.flatMap(({ nodes }) => nodes)) {
    if (node.op === 'embedding') limits.vocab = Math.min(limits.vocab, node.vocab);
    if (node.op === 'position-embedding')
      limits.longest = Math.min(limits.longest, node.positions - node.offset);
  }
  return limits;
}

/** Whole windows of a text, and what is left if it foresees something: a window of one token does not. */
export function cutWindows(
  ids: ArrayLike<number>,
  window: number,
  mostTokens: number = Number.POSITIVE_INFINITY,
): readonly (readonly number[])[] {
  const length = Math.min(ids.length, mostTokens);
  const windows: number[][] = [];
  for (let start = 0; start + 1 < length; start += window)
    windows.push(Array.from({ length: Math.min(window, length - start) }, (_, i) => ids[start + i] ?? 0));
  return windows;
}
