import type { Candidate } from '../budget/candidate.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { PlannedGroup } from '../quantised-checkpoint/plan-quantisation.ts';
import { type Result, succeed } from '../support/result.ts';
import { measureSensitivity, type Sensitivity } from './measure-sensitivity.ts';
import type { RecipeMeans } from './recipe-means.ts';
import type { RecipeStore } from './recipe-store.ts';

/** Tokens of the text on which it is told what an error of each kind of linear does. */
const probedTokens = 512;

/** A walk of the float model, which is remembered. */
export async function senseModel(
  request: RecipeMeans,
  store: RecipeStore,
  candidatesOf: (group: PlannedGroup) => readonly Candidate[],
): Promise<Result<Sensitivity, Diagnostic>> {
  const { model, plan, text, calibration, method, read, threads, folder, signal, onStage } = request;
  const known = store.recallSensitivity();
  if (known !== undefined) return succeed(known);
  const none = { absMax: new Float32Array(0), absMaxRest: new Float32Array(0) };
  const measured = await measureSensitivity({
    ...{ graph: model.graph, plan, tokens: text, candidatesOf, method, read, threads },
    ...{
      folder: () => folder,
      signal,
      keptWindows: Math.min(text.count, Math.ceil(probedTokens / text.window)),
    },
    statisticsOf: (linear) => calibration.linears.get(linear) ?? none,
    onFraction: (fraction) => onStage('measuring linears', fraction),
  });
  if (measured.ok) store.noteSensitivity(measured.value);
  return measured;
}
