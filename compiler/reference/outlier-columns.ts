import { assert } from '../support/assert.ts';
import { random32, streamKey } from './random.ts';

/**
 * `count` distinct columns of `k`, ascending, for test data: the first and the last column, a run of neighbours that
 * straddles a multiple of 64 (half of the count, at most 24), the rest scattered. A pure function of its arguments.
 */
export function outlierColumns(k: number, count: number, seed: number): Int32Array {
  assert(count >= 0 && count <= k, `0 <= ${count} outlier columns <= ${k}`);
  const taken = new Uint8Array(k);
  let left = count;
  const take = (column: number): void => {
    if (left === 0 || column < 0 || column >= k || taken[column]) return;
    taken[column] = 1;
    left--;
  };
  take(0);
  take(k - 1);
  const run = Math.min(count >> 1, 24);
  const start = (Math.floor(k / 2) & ~63) - (run >> 1);
  for (let i = 0; i < run; i++) take(start + i);
  const key = streamKey(seed, 0x0c01);
  // Scatter while it is quick, then sweep: the sweep also ends the case count = k.
  for (let i = 0; left > 0 && i < 4 * count; i++) take(random32(key, i) % k);
  for (let column = 0; left > 0; column++) take(column);
  const columns = new Int32Array(count);
  let next = 0;
  for (let column = 0; column < k; column++) if (taken[column]) columns[next++] = column;
  return columns;
}

/** The columns that are not outliers, ascending: the order of base columns in compact mode. */
export function baseColumnsOf(k: number, outliers: Int32Array): Int32Array {
  const base = new Int32Array(k - outliers.length);
  let next = 0;
  let o = 0;
  for (let column = 0; column < k; column++) {
    if (o < outliers.length && outliers[o] === column) o++;
    else base[next++] = column;
  }
  return base;
}
