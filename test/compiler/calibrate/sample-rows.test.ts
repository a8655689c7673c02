import { expect, test } from 'vitest';
import { sampleRows } from '../../../compiler/calibrate/sample-rows.ts';

/** The places that are taken, told by rows that hold their own. */
function places(window: number, count: number, taken: number): readonly number[] {
  const sample = sampleRows({ window, count, ids: new Uint32Array(window * count) }, 1, taken);
  for (let at = 0; at < count; at++) {
    const data = Float64Array.from({ length: window }, (_, row) => at * window + row);
    sample.add({ rows: window, columns: 1, data }, at);
  }
  return [...sample.finish().data];
}

test('one row of each stretch, at places of windows that are spread', () => {
  const taken = places(64, 8, 32);
  expect(taken.map((place) => Math.floor(place / 16))).toEqual([...taken.keys()]);
  const quarters = new Set(taken.map((place) => Math.floor((place % 16) / 4)));
  expect(quarters.size).toBe(4);
});

test('all rows, where there are fewer', () => {
  expect(places(5, 2, 64)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
