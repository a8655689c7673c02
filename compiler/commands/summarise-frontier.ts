import { candidateKey, type RatedCandidate } from '../budget/candidate.ts';
import type { FoundRecipe } from '../recipe-search/search-recipe.ts';

/** A recipe on the frontier. */
export interface FrontierRow {
  readonly point: number;
  /** Foreseen, corrected by what was measured around it. */
  readonly foreseen: number;
  /** Perplexity that was measured, by the oracle. */
  readonly perplexity?: number;
  /** Bits a weight, with outlier columns, scales and sums. */
  readonly bits: number;
  readonly microseconds: number;
  readonly chosen: boolean;
}

export interface UniformRow extends Pick<FrontierRow, 'foreseen' | 'bits' | 'microseconds'> {
  /** As `w4 f32`. */
  readonly recipe: string;
}

export interface ChosenGroup {
  readonly linears: readonly string[];
  readonly bits: 4 | 8;
  readonly outliers: number;
  readonly columns?: 'compact' | 'in-place';
}

export interface FrontierSummary {
  readonly floatPerplexity: number;
  readonly frontier: readonly FrontierRow[];
  /** Every group given the same candidate, of those that all have. */
  readonly uniform: readonly UniformRow[];
  readonly groups: readonly ChosenGroup[];
}

/** Rows beside those that were measured: foreseen losses as parts of the chosen one's. */
const shownParts = [0.25, 0.5, 0.75, 1.5, 2, 4, 8] as const;

/** The frontier in a few rows, from the least loss to the least cost, and what was chosen of it. */
export function summariseFrontier({
  floatLoss,
  groups,
  candidates,
  frontier,
  measured,
  chosen,
}: FoundRecipe): FrontierSummary {
  const { points } = frontier;
  const weights = groups.reduce((sum, { group }) => sum + weightsOf(group), 0);
  const lossOf = corrector(points, measured);
  const base = points[chosen]?.loss ?? 0;
  const shown = new Set([0, points.length - 1, ...measured.keys()]);
  for (const part of shownParts) shown.add(points.findLastIndex(({ loss }) => loss <= part * base));
  const describe = (taken: readonly (RatedCandidate | undefined)[]) => ({
    bits: taken.reduce((sum, candidate) => sum + (candidate?.storedBits ?? 0), 0) / weights,
    microseconds: taken.reduce((sum, candidate) => sum + (candidate?.microseconds ?? 0), 0),
  });
  const takenAt = (point: number) =>
    frontier.choicesAt(point).map((choice, index) => candidates[index]?.[choice]);
  const rows = [...shown]
    .filter((point) => point >= 0)
    .sort((a, b) => a - b)
    .map((point): FrontierRow => {
      const loss = measured.get(point);
      return {
        ...{ point, foreseen: Math.exp(floatLoss + lossOf(points[point]?.loss ?? 0)) },
        ...(loss === undefined ? {} : { perplexity: Math.exp(floatLoss + loss) }),
        ...describe(takenAt(point)),
        chosen: point === chosen,
      };
    });
  const keys = [...new Set((candidates[0] ?? []).map(candidateKey))].filter((key) =>
    candidates.every((own) => own.some((candidate) => candidateKey(candidate) === key)),
  );
  const uniform = keys.map((key): UniformRow => {
    const taken = candidates.map((own) => own.find((candidate) => candidateKey(candidate) === key));
    const loss = taken.reduce((sum, candidate) => sum + (candidate?.loss ?? 0), 0);
    return { recipe: key, foreseen: Math.exp(floatLoss + lossOf(loss)), ...describe(taken) };
  });
  return {
    ...{ floatPerplexity: Math.exp(floatLoss), frontier: rows, uniform },
    groups: takenAt(chosen).map((candidate, index) => ({
      linears: groups[index]?.group.linears.map(({ name }) => name) ?? [],
      bits: candidate?.bits ?? 8,
      outliers: candidate?.outliers ?? 0,
      ...(candidate === undefined || candidate.outliers === 0 ? {} : { columns: candidate.columns }),
    })),
  };
}

function weightsOf({ linears }: FoundRecipe['groups'][number]['group']): number {
  return linears.reduce((sum, { n, k }) => sum + n * k, 0);
}

/** Foreseen to measured losses: straight between two that are known, in proportion beyond the last. */
function corrector(
  points: FoundRecipe['frontier']['points'],
  measured: FoundRecipe['measured'],
): (loss: number) => number {
  const known = [...measured]
    .map(([point, loss]) => ({ x: points[point]?.loss ?? 0, y: loss }))
    .sort((a, b) => a.x - b.x);
  return (loss) => {
    const after = known.find(({ x }) => x >= loss);
    const before = known.findLast(({ x }) => x <= loss) ?? { x: 0, y: 0 };
    if (after === undefined) return before.x > 0 ? (before.y * loss) / before.x : before.y;
    return after.x === before.x
      ? after.y
      : before.y + ((after.y - before.y) * (loss - before.x)) / (after.x - before.x);
  };
}
