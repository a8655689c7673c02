import { expect, test } from 'vitest';
import { type Rated, traceFrontier } from '../../../compiler/budget/trace-frontier.ts';
import { randomUnit, streamKey } from '../../../compiler/reference/random.ts';

const total = (groups: readonly (readonly Rated[])[], choices: readonly number[]): Rated => ({
  loss: groups.reduce((sum, options, group) => sum + options[choices[group]!]!.loss, 0),
  cost: groups.reduce((sum, options, group) => sum + options[choices[group]!]!.cost, 0),
});

/** Every choice that there is. */
function all(groups: readonly (readonly Rated[])[]): readonly (readonly number[])[] {
  return groups.reduce<readonly (readonly number[])[]>(
    (done, options) => done.flatMap((choices) => options.map((_, index) => [...choices, index])),
    [[]],
  );
}

function makeGroups(seed: number): readonly (readonly Rated[])[] {
  const key = streamKey(seed);
  let drawn = 0;
  const random = () => randomUnit(key, drawn++);
  return Array.from({ length: 5 }, () =>
    Array.from({ length: 4 }, () => {
      const loss = random() ** 2;
      return { loss, cost: 10 * (1 - loss) + 4 * random() };
    }),
  );
}

test.each([1, 2, 3])('no choice is better than a point, of all that there are (%i)', (seed) => {
  const groups = makeGroups(seed);
  const { points, choicesAt } = traceFrontier(groups, Number.POSITIVE_INFINITY);
  const sums = all(groups).map((choices) => total(groups, choices));
  expect(points.length).toBeGreaterThan(10);
  points.forEach((point, at) => {
    const own = total(groups, choicesAt(at));
    expect(own.loss).toBeCloseTo(point.loss, 12);
    expect(own.cost).toBeCloseTo(point.cost, 12);
    if (at > 0) {
      expect(point.loss).toBeGreaterThan(points[at - 1]!.loss);
      expect(point.cost).toBeLessThan(points[at - 1]!.cost);
    }
    // Losses are told apart by 1 in 16,384 of their range, a group's by half of it.
    const slack = (5 * 5) / 16_384;
    const better = sums.filter(({ loss, cost }) => loss <= point.loss - slack && cost < point.cost - 1e-9);
    expect(better).toEqual([]);
  });
  expect(points[0]!.loss).toBeCloseTo(Math.min(...sums.map(({ loss }) => loss)), 12);
  expect(points.at(-1)!.cost).toBeCloseTo(Math.min(...sums.map(({ cost }) => cost)), 12);
});

test('options that are worse in both are never taken, and the frontier ends at its limit', () => {
  const options = [
    { loss: 0, cost: 10 },
    { loss: 1, cost: 20 },
    { loss: 2, cost: 5 },
    { loss: 100, cost: 1 },
  ];
  const { points, choicesAt } = traceFrontier([options, options], 4.5);
  expect(points).toEqual([
    { loss: 0, cost: 20 },
    { loss: 2, cost: 15 },
    { loss: 4, cost: 10 },
  ]);
  expect(choicesAt(2)).toEqual([2, 2]);
});

test('what all cost the same is one point', () => {
  expect(traceFrontier([[{ loss: 1, cost: 2 }]], 1).points).toEqual([{ loss: 1, cost: 2 }]);
});
