import { expect, test } from 'vitest';
import type { PlacedGroup } from '../../../compiler/recipe-search/list-groups.ts';
import { rateCandidates } from '../../../compiler/recipe-search/rate-candidates.ts';

const linear = { name: 'q', n: 10, k: 64 };
// What else a group has is of no account here.
const group = {
  name: 'q',
  kind: 'q',
  group: { linears: [linear, { ...linear, name: 'k' }] },
} as unknown as PlacedGroup;
const candidates = [
  { bits: 4, outliers: 0 },
  { bits: 4, outliers: 8 },
  { bits: 8, outliers: 0 },
] as const;

function rate(errors: readonly number[], costs = [1, 2, 3]) {
  const keys = ['w4 f0', 'w4 f8', 'w8 f0'];
  const cost = keys.flatMap((key, at) => {
    const microseconds = costs[at]!;
    return microseconds < 0 ? [] : [[key, { microseconds, columns: 'compact' as const }] as const];
  });
  return rateCandidates(group, {
    candidatesOf: () => candidates,
    costs: new Map([['q', new Map(cost)]]),
    errors: new Map([['q', new Map(keys.map((key, at) => [key, errors[at]!]))]]),
    weights: new Map([['q', 10]]),
  });
}

test('errors are weighed by their kind, bits are of all linears', () => {
  expect(rate([0.2, 0.1, 0.01])).toEqual([
    { ...candidates[0], microseconds: 1, columns: 'compact', storedBits: 2 * 10 * (256 + 64), loss: 2 },
    { ...candidates[1], microseconds: 2, columns: 'compact', storedBits: 2 * 10 * (224 + 128 + 64), loss: 1 },
    { ...candidates[2], microseconds: 3, columns: 'compact', storedBits: 2 * 10 * (512 + 64), loss: 0.1 },
  ]);
});

test('what is no approximation is left out, what the target does not compute too', () => {
  const left = (...given: Parameters<typeof rate>) =>
    rate(...given).map(({ bits, outliers }) => [bits, outliers]);
  // Of two linears, 0.3 is 0.15 each.
  expect(left([3, 0.29, 0.01])).toEqual([
    [4, 8],
    [8, 0],
  ]);
  expect(left([3, 0.31, 0.01])).toEqual([[8, 0]]);
  expect(left([3, 0.1, 0.01], [1, 2, -1])).toEqual([[4, 8]]);
});

test('where nothing is an approximation, the best is left', () => {
  expect(rate([3, 2, 1]).map(({ bits }) => bits)).toEqual([8]);
});
