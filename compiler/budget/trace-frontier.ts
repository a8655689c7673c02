import { assert } from '../support/assert.ts';

/** What is foreseen of a choice. */
export interface Rated {
  readonly loss: number;
  readonly cost: number;
}

/** From the least loss to the least cost: losses rise, costs fall. */
export interface Frontier {
  /** Sums over all groups. */
  readonly points: readonly Rated[];
  /** At a point, which of its options each group takes. */
  choicesAt(point: number): readonly number[];
}

/** Steps of loss that sums are told apart by. They are rounded, and the frontier may be off by some of them: points are exact. */
const steps = 16_384;

/**
 * Chooses one option for each group, so that the sum of costs is least for every sum of losses up to `limit` beyond the least there is:
 * dynamic programming over the groups, on losses in whole steps. Losses are of independent errors, which add up.
 */
export function traceFrontier(groups: readonly (readonly Rated[])[], limit: number): Frontier {
  const least = groups.map((options) => Math.min(...options.map(({ loss }) => loss)));
  const widest = groups.reduce(
    (sum, options, group) => sum + Math.max(...options.map(({ loss }) => loss)) - (least[group] ?? 0),
    0,
  );
  const step = Math.min(limit, widest) / steps || 1;
  const taken = groups.map(() => new Uint8Array(steps + 1));
  const stepsOf = (group: number, loss: number) => Math.round((loss - (least[group] ?? 0)) / step);
  let costs = new Float64Array(steps + 1);
  for (const [group, options] of groups.entries()) {
    assert(options.length > 0 && options.length < 256, 'there is something to choose, and a byte tells what');
    const next = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY);
    const choices = taken[group] ?? new Uint8Array(0);
    for (const [index, { loss, cost }] of options.entries()) {
      const away = stepsOf(group, loss);
      for (let at = away; at <= steps; at++) {
        const sum = (costs[at - away] ?? 0) + cost;
        if (sum >= (next[at] ?? 0)) continue;
        next[at] = sum;
        choices[at] = index;
      }
    }
    costs = next;
  }

  const recipes: (Rated & { readonly choices: Uint8Array })[] = [rate(groups, leastChoices(groups))];
  let cheapest = Number.POSITIVE_INFINITY;
  for (let at = 0; at <= steps; at++) {
    if ((costs[at] ?? 0) >= cheapest) continue;
    cheapest = costs[at] ?? 0;
    const choices = new Uint8Array(groups.length);
    let left = at;
    for (let group = groups.length - 1; group >= 0; group--) {
      const index = taken[group]?.[left] ?? 0;
      choices[group] = index;
      left -= stepsOf(group, groups[group]?.[index]?.loss ?? 0);
    }
    recipes.push(rate(groups, choices));
  }
  recipes.sort((a, b) => a.loss - b.loss || a.cost - b.cost);
  let lowest = Number.POSITIVE_INFINITY;
  const points = recipes.filter(({ cost }) => {
    const saves = cost < lowest;
    if (saves) lowest = cost;
    return saves;
  });
  return {
    points: points.map(({ loss, cost }) => ({ loss, cost })),
    choicesAt: (point) => [...(points[point]?.choices ?? [])],
  };
}

/** Of the least loss, and of equal ones the cheapest. */
function leastChoices(groups: readonly (readonly Rated[])[]): Uint8Array {
  return Uint8Array.from(groups, (options) => {
    const order = options.map((_, index) => index);
    order.sort((a, b) => compare(options[a], options[b]));
    return order[0] ?? 0;
  });
}

function compare(a: Rated | undefined, b: Rated | undefined): number {
  return (a?.loss ?? 0) - (b?.loss ?? 0) || (a?.cost ?? 0) - (b?.cost ?? 0);
}

function rate(groups: readonly (readonly Rated[])[], choices: Uint8Array) {
  let [loss, cost] = [0, 0];
  for (const [group, options] of groups.entries()) {
    const option = options[choices[group] ?? 0];
    loss += option?.loss ?? 0;
    cost += option?.cost ?? 0;
  }
  return { loss, cost, choices };
}
