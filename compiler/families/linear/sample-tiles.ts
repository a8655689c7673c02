import type { LinearProblem } from '../../../ir/problem.ts';
import { ceilDiv } from '../../support/integer.ts';
import { type LinearCover, type TilePlace, tilesAlongN } from './cover.ts';

/**
 * Tiles worth comparing when the whole grid is too much: the four corners (the last row and column are the ragged ones),
 * then some inside, spread by a seed; and beyond the limit, both sides of every seam between dispatches.
 */
export function sampleTiles(
  problem: LinearProblem,
  cover: LinearCover,
  m: number,
  limit: number,
  seed: number,
): readonly TilePlace[] {
  const alongN = tilesAlongN(problem, cover);
  const alongM = ceilDiv(m, cover.tileM);
  const tiles = new Set<number>();
  const add = (n: number, t: number): void => {
    if (tiles.size < limit) tiles.add(t * alongN + n);
  };
  add(0, 0);
  add(alongN - 1, alongM - 1);
  const seams = cover.seams?.(m) ?? { channels: [], tokens: [] };
  for (const n of seams.channels) for (const side of [n - 1, n]) tiles.add(side);
  for (const t of seams.tokens) for (const side of [t - 1, t]) tiles.add(side * alongN + alongN - 1);
  add(0, alongM - 1);
  add(alongN - 1, 0);
  // Multiplicative hashing by the golden ratio spreads the rest evenly without a table.
  for (let i = 1; tiles.size < Math.min(limit, alongN * alongM); i++) {
    const draw = Math.imul(i + seed, 0x9e3779b1) >>> 0;
    tiles.add(draw % (alongN * alongM));
  }
  return [...tiles].map((tile) => ({ n: tile % alongN, m: Math.floor(tile / alongN) }));
}
