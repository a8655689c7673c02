import { assert } from '../support/assert.ts';

/** What is foreseen of a choice. */
export interface Rated {
  readonly loss: number;
  readonly cost: number;
}

/** From the least loss to the least cost: at each point, no choice of the hull costs less for the same loss. */
export interface Frontier {
  /** Sums over all groups. */
  readonly points: readonly Rated[];
  /** At a point, which of its options each group takes. */
  choicesAt(point: number): readonly number[];
}

interface Step {
  readonly group: number;
  readonly to: number;
  readonly loss: number;
  readonly saved: number;
}

/**
 * Chooses one option for each group, so that the sum of costs is least for a sum of losses: by Lagrange's multiplier, which is the price
 * of a loss. As the price falls, groups step one after the other along the lower convex hull of their options; what lies above the hull is
 * never taken, and no sum can be better than the points by more than one step. Losses are of independent errors, which add up.
 */
export function traceFrontier(groups: readonly (readonly Rated[])[]): Frontier {
  const hulls = groups.map(walkHull);
  const starts = hulls.map(([first]) => first ?? 0);
  const steps = hulls
    .flatMap((hull, group) => hull.slice(1).map((to, at) => stepTo(groups[group], group, hull[at], to)))
    .sort((a, b) => b.saved * a.loss - a.saved * b.loss || a.group - b.group);
  const sum = { loss: 0, cost: 0 };
  for (const [group, option] of starts.entries()) {
    const { loss, cost } = optionOf(groups[group], option);
    sum.loss += loss;
    sum.cost += cost;
  }
  const points: Rated[] = [{ ...sum }];
  for (const step of steps) {
    sum.loss += step.loss;
    sum.cost -= step.saved;
    points.push({ ...sum });
  }
  return {
    points,
    choicesAt(point) {
      const choices = [...starts];
      for (const { group, to } of steps.slice(0, point)) choices[group] = to;
      return choices;
    },
  };
}

/** Options on the hull, from the least loss on: each saves more for the loss that it adds than any after it. */
function walkHull(options: readonly Rated[]): readonly number[] {
  assert(options.length > 0, 'there is something to choose');
  const order = options
    .map((_, index) => index)
    .sort((a, b) => {
      const [one, other] = [optionOf(options, a), optionOf(options, b)];
      return one.loss - other.loss || one.cost - other.cost || a - b;
    });
  const hull = order.slice(0, 1);
  for (;;) {
    const at = hull.at(-1) ?? 0;
    const here = optionOf(options, at);
    let next: Step | undefined;
    for (const to of order) {
      const { loss, cost } = optionOf(options, to);
      if (cost >= here.cost || loss <= here.loss) continue;
      const step = { group: 0, to, loss: loss - here.loss, saved: here.cost - cost };
      // Of equal bargains the longest.
      if (next === undefined || step.saved * next.loss >= next.saved * step.loss) next = step;
    }
    if (next === undefined) return hull;
    hull.push(next.to);
  }
}

function stepTo(
  options: readonly Rated[] | undefined,
  group: number,
  from: number | undefined,
  to: number,
): Step {
  const [here, there] = [optionOf(options, from ?? 0), optionOf(options, to)];
  return { group, to, loss: there.loss - here.loss, saved: here.cost - there.cost };
}

function optionOf(options: readonly Rated[] | undefined, index: number): Rated {
  const option = options?.[index];
  assert(option !== undefined, 'the option exists');
  return option;
}
