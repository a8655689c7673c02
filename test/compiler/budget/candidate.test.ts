import { expect, test } from 'vitest';
import { listCandidates, storedBits } from '../../../compiler/budget/candidate.ts';

test('outlier columns take at most a quarter of K', () => {
  expect(listCandidates(16)).toEqual([
    { bits: 4, outliers: 0 },
    { bits: 8, outliers: 0 },
  ]);
  expect(listCandidates(64).map(({ outliers }) => outliers)).toEqual([0, 8, 16, 0, 8, 16]);
  expect(Math.max(...listCandidates(11_008).map(({ outliers }) => outliers))).toBe(1024);
});

test('bits of base codes, outlier columns, scale and sum of each channel; in place, outlier columns have codes too', () => {
  const candidate = { bits: 4, outliers: 16 } as const;
  expect(storedBits(10, 64, { ...candidate, columns: 'compact' })).toBe(10 * (4 * 48 + 16 * 16 + 32 + 32));
  expect(storedBits(10, 64, { ...candidate, columns: 'in-place' })).toBe(10 * (4 * 64 + 16 * 16 + 32 + 32));
});
