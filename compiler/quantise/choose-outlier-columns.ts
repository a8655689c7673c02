import { assert } from '../support/assert.ts';

/** The `count` columns with the largest score, ascending; of equal scores the lower column. Scores are max |x| (facts: QUIK, 4). */
export function chooseOutlierColumns(score: Float32Array, count: number): Int32Array {
  assert(count >= 0 && count <= score.length, `0 <= ${count} outlier columns <= ${score.length}`);
  assert(!score.some(Number.isNaN), 'every column has a score');
  const columns = Int32Array.from(score, (_, column) => column);
  columns.sort((a, b) => (score[b] ?? 0) - (score[a] ?? 0) || a - b);
  return columns.slice(0, count).sort();
}

/**
 * `count`, or 0 for a linear whose largest score is no more than QUIK's threshold T, twice that at 8 bits (its repository,
 * `--fp_threshold`): T = 0 leaves out what never sees anything but zeros.
 */
export function outlierCount(score: Float32Array, count: number, threshold: number, bits: 4 | 8): number {
  const largest = score.reduce((most, value) => Math.max(most, value), 0);
  return largest <= (bits === 8 ? 2 * threshold : threshold) ? 0 : count;
}
