import { patternCount } from './data-rows.ts';

/** From so many rows on, rows of every pattern are among those compared. */
const enoughForAll = 6;

/**
 * The last row, which is an edge, and the first ones: rows carry their patterns (constant, spikes, subnormal, not finite …) by
 * turns, so as many as there are patterns are taken, unless fewer than usual are wanted.
 */
export function sampleRows(m: number, limit: number): readonly number[] {
  const first = limit >= enoughForAll ? Math.max(limit, patternCount) : limit;
  const rows = new Set<number>();
  if (m > 0) rows.add(m - 1);
  for (let row = 0; row < Math.min(m, first); row++) rows.add(row);
  return [...rows];
}
