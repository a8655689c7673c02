import { expect, test } from 'vitest';
import { seekBudget } from '../../../compiler/budget/seek-budget.ts';
import { succeed } from '../../../compiler/support/result.ts';

const points = Array.from({ length: 1000 }, (_, at) => ({ loss: 1e-4 * at, cost: 1000 - at / 2 }));

async function seek(budget: number, truth: (loss: number) => number, most = 8) {
  const asked: number[] = [];
  const found = await seekBudget<never>({
    ...{ points, budget, most },
    measure: async (point) => {
      asked.push(point);
      return succeed(truth(points[point]!.loss));
    },
  });
  if (!found.ok) throw new Error('no fault was planted');
  const { measured, chosen } = found.value;
  expect([...measured.keys()]).toEqual(asked);
  return { chosen, asked };
}

test.each<[string, (loss: number) => number]>([
  ['right', (loss) => loss],
  ['too low by half', (loss) => 2 * loss],
  ['too high', (loss) => 0.6 * loss],
  ['bent', (loss) => 40 * loss ** 2],
  ['of a floor that nothing foresees', (loss) => 0.01 + loss],
])(
  'a forecast that is %s: the cheapest point within the budget, to what is worth a measurement',
  async (_name, truth) => {
    const { chosen, asked } = await seek(0.03, truth);
    const best = points.findLastIndex(({ loss }) => truth(loss) <= 0.03);
    expect(truth(points[chosen!]!.loss)).toBeLessThanOrEqual(0.03);
    expect((points[chosen!]!.cost - points[best]!.cost) / points[best]!.cost).toBeLessThan(0.004);
    expect(asked.length).toBeLessThanOrEqual(8);
  },
);

test('the cheapest of all, where all are within the budget', async () => {
  expect(await seek(1, (loss) => loss)).toEqual({ chosen: 999, asked: [999] });
});

test('the first point is measured before anything is given up, whatever the forecast says', async () => {
  const falls = (at: number) => (loss: number) => (loss > 1e-4 * at ? 1 : 0.01);
  expect((await seek(0.03, falls(0), 3)).chosen).toBe(0);
  // Lines that come down to it slowly.
  const slow = await seek(0.03, (loss) => (loss > 0 ? 0.031 : 0.01), 3);
  expect([slow.chosen, slow.asked.length, slow.asked.at(-1)]).toEqual([0, 3, 0]);
  const { chosen, asked } = await seek(0.03, () => 1, 3);
  expect([chosen, asked.at(-1)]).toEqual([undefined, 0]);
});

test('a fault of measuring is handed on', async () => {
  const measure = async () => ({ ok: false as const, error: 'no' });
  expect(await seekBudget({ points, budget: 0.1, most: 2, measure })).toEqual({ ok: false, error: 'no' });
});
