import { type Candidate, candidateKey, type RatedCandidate, storedBits } from '../budget/candidate.ts';
import type { PlacedGroup } from './list-groups.ts';
import type { ModelledCosts } from './model-costs.ts';

export interface RatingMeans {
  readonly candidatesOf: (group: PlacedGroup['group']) => readonly Candidate[];
  readonly costs: ModelledCosts;
  /** What a group's outputs are off by, by its name and the candidate's key. */
  readonly errors: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What an error of one adds to the loss, by kind. */
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * Outputs that are off by more, as a part of their size and squared, are no approximation any more: what becomes of the model then does
 * not follow from what little errors do.
 */
const mostError = 0.15;

/** The candidates of a group that the target can compute, with what they cost and lose; where all are off by too much, the best. */
export function rateCandidates(
  { group, name, kind }: PlacedGroup,
  { candidatesOf, costs, errors, weights }: RatingMeans,
): readonly RatedCandidate[] {
  const rated = candidatesOf(group).flatMap((candidate) => {
    const key = candidateKey(candidate);
    const cost = costs.get(name)?.get(key);
    const error = errors.get(name)?.get(key);
    if (cost === undefined || error === undefined) return [];
    const bits = group.linears.reduce(
      (sum, { n, k }) => sum + storedBits(n, k, { ...candidate, columns: cost.columns }),
      0,
    );
    const loss = error * (weights.get(kind) ?? 0);
    return [
      { error: error / group.linears.length, candidate: { ...candidate, ...cost, storedBits: bits, loss } },
    ];
  });
  const least = Math.min(...rated.map(({ error }) => error));
  return rated.filter(({ error }) => error <= Math.max(mostError, least)).map(({ candidate }) => candidate);
}
