import type { Candidate } from './candidate.ts';
import { fitSurrogate } from './surrogate.ts';

/** Of the first trials, half are the model's favourites, half lie as far from all others as may be. */
export const firstTrials = 8;
/** From then on every so-manieth trial is drawn at random: a fifth of the budget explores beyond what is believed. */
const randomEvery = 5;
/** What is known of a candidate: its time in microseconds, or that it failed. */
export type Outcome = number | 'failed';

/**
 * The candidate to try next, by its index; undefined if none is left. Favourites of the cost model and far corners first,
 * then the largest expected improvement on the best time so far (Jones et al. 1998), every fifth time one at random.
 */
export function propose(
  candidates: readonly Candidate[],
  known: ReadonlyMap<number, Outcome>,
  random: () => number,
): number | undefined {
  const open = candidates.map((_, index) => index).filter((index) => !known.has(index));
  if (open.length === 0) return undefined;
  const points = toUnitCube(candidates);
  if (known.size < firstTrials) {
    return known.size % 2 === 0
      ? least(open, (index) => candidates[index]?.modelled ?? 0)
      : least(open, (index) => -distanceToNearest(index, [...known.keys()], points));
  }
  if (known.size % randomEvery === 0) return open[Math.floor(random() * open.length)];
  const timed = [...known.values()].filter((outcome) => outcome !== 'failed');
  if (timed.length < 2) return least(open, (index) => candidates[index]?.modelled ?? 0);
  // Failures say nothing of the surface: as slow points they hid good neighbours, and cost a quarter of the finds.
  const entries = [...known].flatMap(([index, outcome]) =>
    outcome === 'failed' ? [] : [{ index, outcome }],
  );
  const indices = entries.map(({ index }) => index);
  const values = entries.map(({ outcome }) => Math.log(outcome));
  const believe = fitSurrogate(
    indices.map((index) => points[index] ?? []),
    values,
  );
  const best = Math.log(Math.min(...timed));
  return least(open, (index) => {
    const { mean, deviation } = believe(points[index] ?? []);
    return -expectedImprovement(best - mean, deviation);
  });
}

/** Features by rank among their own values, 0…1 each, the modelled time as one more. */
function toUnitCube(candidates: readonly Candidate[]): readonly (readonly number[])[] {
  const rows = candidates.map(({ features, modelled }) => [...features, modelled]);
  const width = rows[0]?.length ?? 0;
  const ranks = Array.from({ length: width }, (_, column) => {
    const distinct = [...new Set(rows.map((row) => row[column] ?? 0))].sort((a, b) => a - b);
    const last = Math.max(1, distinct.length - 1);
    return new Map(distinct.map((value, rank) => [value, rank / last]));
  });
  return rows.map((row) => row.map((value, column) => ranks[column]?.get(value) ?? 0));
}

function distanceToNearest(
  index: number,
  others: readonly number[],
  points: readonly (readonly number[])[],
): number {
  const own = points[index] ?? [];
  const distances = others.map((other) =>
    own.reduce((sum, value, column) => sum + (value - (points[other]?.[column] ?? 0)) ** 2, 0),
  );
  return Math.min(...distances);
}

function expectedImprovement(gain: number, deviation: number): number {
  const z = gain / deviation;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return gain * normalBelow(z) + deviation * density;
}

/** The standard normal distribution (Abramowitz and Stegun 26.2.17, error below 7.5e-8). */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const sum =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
  return z >= 0 ? 1 - above : above;
}

function least(indices: readonly number[], cost: (index: number) => number): number | undefined {
  let best: { readonly index: number; readonly cost: number } | undefined;
  for (const index of indices) {
    const own = cost(index);
    if (best === undefined || own < best.cost) best = { index, cost: own };
  }
  return best?.index;
}
