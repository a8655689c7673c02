import { type Candidate, candidateKey } from '../budget/candidate.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { type PlacedGroup, replanGroups } from './list-groups.ts';
import { measureDivergence } from './measure-recipe.ts';
import type { Sensitivity } from './measure-sensitivity.ts';
import { openRecipe } from './open-recipe.ts';
import type { RecipeMeans } from './recipe-means.ts';
import type { RecipeStore } from './recipe-store.ts';

type Faults = readonly Diagnostic[];

/**
 * What an error of each kind of linear adds to the loss: all linears of the kind are quantised, at 4 bits with as many outlier columns as
 * are tried, and nothing else is; how far the model then is from the float one, over the errors that this takes.
 */
export async function weighKinds(
  request: RecipeMeans,
  store: RecipeStore,
  { errors, logits }: Sensitivity,
  groups: readonly PlacedGroup[],
  candidatesOf: (group: PlacedGroup['group']) => readonly Candidate[],
): Promise<Result<ReadonlyMap<string, number>, Faults>> {
  const { model, plan, text, onStage } = request;
  const kinds = [...new Set(groups.map(({ kind }) => kind))];
  const weights = new Map<string, number>();
  for (const [index, kind] of kinds.entries()) {
    const probes = new Map<string, Candidate>();
    for (const { group, name } of groups.filter((own) => own.kind === kind)) {
      const probe = candidatesOf(group).findLast(({ bits }) => bits === 4);
      if (probe !== undefined) probes.set(name, probe);
    }
    const error = [...probes].reduce(
      (sum, [name, probe]) => sum + (errors.get(name)?.get(candidateKey(probe)) ?? 0),
      0,
    );
    const known = store.recall(`divergence ${kind}`);
    if (typeof known === 'number') {
      weights.set(kind, error > 0 ? known / error : 0);
      continue;
    }
    const report = (fraction: number) =>
      onStage('weighing kinds of linears', (index + fraction) / kinds.length);
    const recipe = replanGroups(plan, (name) => probes.get(name));
    const files = await store.filesOf(recipe, (fraction) => report(fraction / 2));
    if (!files.ok) return fail([files.error]);
    const opened = openRecipe(model, request.readKept, recipe, files.value);
    if (!opened.ok) return opened;
    const onFraction = (fraction: number) => report((1 + fraction) / 2);
    const measured = await measureDivergence(opened.value, logits, { ...request, tokens: text, onFraction });
    if (!measured.ok) return fail([measured.error]);
    store.note(`divergence ${kind}`, measured.value);
    weights.set(kind, error > 0 ? measured.value / error : 0);
  }
  return succeed(weights);
}
