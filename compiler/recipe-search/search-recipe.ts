import type { ColumnMode } from '../../ir/problem.ts';
import type { Target } from '../../targets/target.ts';
import { candidateKey, listCandidates, type RatedCandidate } from '../budget/candidate.ts';
import { seekBudget } from '../budget/seek-budget.ts';
import { type Frontier, traceFrontier } from '../budget/trace-frontier.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import { hashValue } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { listGroups, type PlacedGroup, replanGroups } from './list-groups.ts';
import { measureRecipe } from './measure-recipe.ts';
import { modelCosts } from './model-costs.ts';
import { openRecipe } from './open-recipe.ts';
import { rateCandidates } from './rate-candidates.ts';
import type { RecipeMeans } from './recipe-means.ts';
import { openRecipeStore } from './recipe-store.ts';
import { senseModel } from './sense-model.ts';
import { weighKinds } from './weigh-kinds.ts';

type Faults = readonly Diagnostic[];

/** Forecasts that are so many times too high still have the budget on the frontier. */
const farBeyond = 16;

/** What is to be least. */
export type Objective = 'time' | 'size';

export interface SearchRequest extends RecipeMeans {
  readonly target: Target;
  /** Rows of a launch. */
  readonly rows: number;
  readonly columns?: ColumnMode | undefined;
  readonly objective: Objective;
  /** The perplexity of the result over that of the float model, at most. */
  readonly budget: number;
  /** Recipes that are measured, at most. */
  readonly most: number;
}

export interface FoundRecipe {
  /** Mean of -ln p of the float model. */
  readonly floatLoss: number;
  readonly groups: readonly PlacedGroup[];
  /** By group, in their order. */
  readonly candidates: readonly (readonly RatedCandidate[])[];
  readonly frontier: Frontier;
  /** What recipes add to the float model's loss, by point of the frontier. */
  readonly measured: ReadonlyMap<number, number>;
  readonly chosen: number;
  readonly plan: readonly PlannedLayer[];
  readonly files: readonly string[];
}

/**
 * The cheapest recipe whose measured perplexity is within a budget: bits, outlier columns and their way for every group of linears. Errors of
 * single linears are measured on their outputs; what they do to the model, once for each kind of linear; costs are modelled. Rejects when
 * the signal is aborted. Fault: QK188 where no recipe is within the budget.
 */
export async function searchRecipe(request: SearchRequest): Promise<Result<FoundRecipe, Faults>> {
  const { model, plan, text, target, rows, objective, budget, most, onStage } = request;
  // Left in place, outlier columns have codes too.
  const columns = request.columns ?? (objective === 'size' ? 'compact' : undefined);
  const groups = listGroups(plan);
  const candidatesOf = (group: PlacedGroup['group']) => listCandidates(group.group.k);
  const store = openRecipeStore(request);
  onStage('modelling costs', 0);
  const costs = modelCosts({ document: model.document, plan, candidatesOf, target, tokens: rows, columns });
  if (!costs.ok) return costs;
  const sensitivity = await senseModel(request, store, candidatesOf);
  if (!sensitivity.ok) return fail([sensitivity.error]);
  const { errors, loss: floatLoss } = sensitivity.value;
  const weights = await weighKinds(request, store, sensitivity.value, groups, candidatesOf);
  if (!weights.ok) return weights;
  const means = { candidatesOf, costs: costs.value, errors, weights: weights.value };
  const candidates = groups.map((group) => rateCandidates(group, means));
  const bare = groups.find((_, index) => candidates[index]?.length === 0);
  if (bare !== undefined) {
    const message = `${target.id} computes ${bare.name} with no candidate`;
    return fail([diagnose('QK188', { message, hint: 'leave it in 16 bit with --layer' })]);
  }
  const frontier = traceFrontier(
    candidates.map((own) =>
      own.map((candidate) => ({ loss: candidate.loss, cost: costOf(candidate, objective) })),
    ),
    farBeyond * Math.log(budget),
  );
  const planAt = (point: number) => planOf(plan, groups, candidates, frontier.choicesAt(point));
  const measure = async (point: number): Promise<Result<number, Faults>> => {
    const recipe = planAt(point);
    const choices = frontier.choicesAt(point).map((choice, index) => candidates[index]?.[choice]);
    const name = `loss ${hashValue(choices.map((choice) => choice && candidateKey(choice)))}`;
    const known = store.recall(name);
    if (typeof known === 'number') return succeed(known - floatLoss);
    const files = await store.filesOf(recipe, (fraction) => onStage('quantising', fraction));
    if (!files.ok) return fail([files.error]);
    const opened = openRecipe(model, request.readKept, recipe, files.value);
    if (!opened.ok) return opened;
    const onFraction = (fraction: number) => onStage('measuring a recipe', fraction);
    const loss = await measureRecipe(opened.value, { ...request, tokens: text, onFraction });
    if (!loss.ok) return fail([loss.error]);
    store.note(name, loss.value);
    return succeed(loss.value - floatLoss);
  };
  const found = await seekBudget({ points: frontier.points, budget: Math.log(budget), most, measure });
  if (!found.ok) return found;
  const { measured, chosen } = found.value;
  if (chosen === undefined) {
    const best = Math.exp(floatLoss + (measured.get(0) ?? 0));
    const message = `the recipe of least loss has a perplexity of ${best.toFixed(2)}, the budget is ${(budget * Math.exp(floatLoss)).toFixed(2)}`;
    return fail([diagnose('QK188', { message })]);
  }
  const recipe = planAt(chosen);
  const files = await store.filesOf(recipe, () => {});
  if (!files.ok) return fail([files.error]);
  return succeed({
    ...{ floatLoss, groups, candidates, frontier, measured, chosen },
    ...{ plan: recipe, files: files.value },
  });
}

/** Where one of them does not tell two recipes apart, the other does. */
function costOf({ microseconds, storedBits }: RatedCandidate, objective: Objective): number {
  return objective === 'time' ? microseconds + 2 ** -60 * storedBits : storedBits + 2 ** -20 * microseconds;
}

function planOf(
  plan: readonly PlannedLayer[],
  groups: readonly PlacedGroup[],
  candidates: readonly (readonly RatedCandidate[])[],
  choices: readonly number[],
): readonly PlannedLayer[] {
  const chosen = new Map(groups.map(({ name }, index) => [name, candidates[index]?.[choices[index] ?? 0]]));
  return replanGroups(plan, (name) => {
    const candidate = chosen.get(name);
    if (candidate === undefined) return undefined;
    const { bits, outliers, columns } = candidate;
    return { bits, outliers, ...(outliers === 0 ? {} : { columnMode: columns }) };
  });
}
