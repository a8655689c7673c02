import type { PlannedLaunch } from './verification.ts';

/** Output tiles of a launch: corners, ragged edges, inside; fewer at the neighbours of a range's edges. */
const tilesAtEdge = 6;
const tilesBeside = 3;
/** M at which a kernel for the open range of large M is tried beside its lower edge: whole tiles, and one token more. */
const largeTokens = 2048;

/**
 * Launches for a kernel that serves [from, to]: its edges and their neighbours, inside and outside the range (a kernel
 * is right for every M; the range only says where it is fast). M = 0 launches nothing and is not run.
 */
export function tokensToVerify(from: number, to: number | undefined): readonly PlannedLaunch[] {
  const planned = new Map<number, number>();
  const plan = (tokens: number, tiles: number): void => {
    if (tokens >= 1) planned.set(tokens, Math.max(tiles, planned.get(tokens) ?? 0));
  };
  for (const edge of to === undefined ? [from] : [from, to]) {
    plan(edge - 1, tilesBeside);
    plan(edge, tilesAtEdge);
    plan(edge + 1, tilesBeside);
  }
  if (to === undefined && from < largeTokens) {
    plan(largeTokens, tilesAtEdge);
    plan(largeTokens + 1, tilesBeside);
  }
  return [...planned].map(([tokens, tiles]) => ({ tokens, tiles })).sort((a, b) => a.tokens - b.tokens);
}
