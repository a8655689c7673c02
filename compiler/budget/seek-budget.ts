import { type Result, succeed } from '../support/result.ts';
import type { Rated } from './trace-frontier.ts';

export interface BudgetSearch<E> {
  /** From the least loss to the least cost; losses rise. */
  readonly points: readonly Rated[];
  /** What the loss may be at most. */
  readonly budget: number;
  /** No more than so many are measured. */
  readonly most: number;
  readonly measure: (point: number) => Promise<Result<number, E>>;
}

export interface BudgetFinding {
  /** Losses that were measured, by point. */
  readonly measured: ReadonlyMap<number, number>;
  /** The cheapest measured point within the budget. */
  readonly chosen?: number;
}

/** Cheaper points that save less than this part are not worth a measurement. */
const leastSaving = 0.002;

/**
 * The cheapest point whose measured loss is within the budget. The foreseen losses say where to look first; what is measured corrects
 * them, by one factor at first, then by a line between the dearest point that fails and the cheapest that does not. The first point,
 * of the least loss, is measured before anything is given up.
 */
export async function seekBudget<E>({
  points,
  budget,
  most,
  measure,
}: BudgetSearch<E>): Promise<Result<BudgetFinding, E>> {
  const measured = new Map<number, number>();
  let within = -1;
  let beyond = points.length;
  while (beyond - within > 1) {
    const left = most - measured.size;
    if (within >= 0 && (left <= 0 || isWorthless(points, within, beyond))) break;
    const guess = left <= 1 && within < 0 ? 0 : guessPoint(points, budget, measured, within, beyond);
    const loss = await measure(guess);
    if (!loss.ok) return loss;
    measured.set(guess, loss.value);
    if (loss.value <= budget) within = guess;
    else beyond = guess;
  }
  return succeed({ measured, ...(within < 0 ? {} : { chosen: within }) });
}

/** The last point whose corrected loss is within the budget, strictly between those that are known. */
function guessPoint(
  points: readonly Rated[],
  budget: number,
  measured: ReadonlyMap<number, number>,
  within: number,
  beyond: number,
): number {
  const foreseen = (point: number) => points[point]?.loss ?? 0;
  const [low, high] = [measured.get(within), measured.get(beyond)];
  // Before the first measurement the forecast is taken as it is; nothing quantised is nothing lost.
  const start = { x: low === undefined ? 0 : foreseen(within), y: low ?? 0 };
  const known = high === undefined ? within : beyond;
  const slope =
    high !== undefined && foreseen(beyond) > start.x
      ? (high - start.y) / (foreseen(beyond) - start.x)
      : low !== undefined && low > 0 && foreseen(known) > 0
        ? low / foreseen(known)
        : 1;
  const limit = start.x + (budget - start.y) / slope;
  let guess = within + 1;
  while (guess + 1 < beyond && foreseen(guess + 1) <= limit) guess++;
  return guess;
}

function isWorthless(points: readonly Rated[], within: number, beyond: number): boolean {
  const [here, cheapest] = [points[within]?.cost ?? 0, points[beyond - 1]?.cost ?? 0];
  return here - cheapest <= leastSaving * here;
}
