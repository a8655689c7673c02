import { resolve } from 'node:path';
import type { CalibrationFile } from '../calibrate/read-calibration.ts';
import type { TokenWindows } from '../calibrate/token-windows.ts';
import { openWeights } from '../checkpoint/open-weights.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EvaluatePool } from '../evaluate/evaluate-pool.ts';
import { tokenizerFiles } from '../frontend/tokenizer-files.ts';
import type { OpenThreads } from '../linear-algebra/open-threads.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { describeQuantised } from '../quantised-checkpoint/describe-quantised.ts';
import { identifyInputs, listPlan } from '../quantised-checkpoint/identify-inputs.ts';
import { placeQuantised } from '../quantised-checkpoint/place-quantised.ts';
import { planQuantisation } from '../quantised-checkpoint/plan-quantisation.ts';
import type { QuantiseMethod } from '../quantised-checkpoint/quantise-method.ts';
import { openQuantiseWorkspace } from '../quantised-checkpoint/quantise-workspace.ts';
import { readChosenColumns } from '../quantised-checkpoint/read-chosen-columns.ts';
import { bytesOf } from '../support/bytes-of.ts';
import { hashValue, sha256 } from '../support/hash.ts';
import { fail, type Result } from '../support/result.ts';
import { replanGroups } from './list-groups.ts';
import { type FoundRecipe, type SearchRequest, searchRecipe } from './search-recipe.ts';

type Faults = readonly Diagnostic[];

export interface WithinBudgetRequest
  extends Pick<SearchRequest, 'budget' | 'target' | 'rows' | 'columns' | 'objective' | 'most' | 'onStage'> {
  /** Of the model, as it was named. */
  readonly path: string;
  readonly model: WeightedModel;
  readonly calibration: CalibrationFile;
  readonly method: QuantiseMethod;
  readonly clip: boolean;
  readonly text: TokenWindows;
  readonly output: string;
  readonly threads: OpenThreads<QuantiseJob>;
  readonly pool: EvaluatePool;
  readonly signal: AbortSignal;
}

/**
 * Quantises a model by the cheapest recipe within a budget and puts the result at `output`, whole or not at all. What was measured and
 * quantised is kept beside it when this is ended early, and taken up by the next call, be its budget or target another. Rejects when
 * the signal is aborted.
 */
export async function quantiseWithinBudget(
  request: WithinBudgetRequest,
): Promise<Result<FoundRecipe, Faults>> {
  const { model, path, calibration, method, clip, text } = request;
  const { graph, tensors, folder, document } = model;
  const output = resolve(request.output);
  const planned = planQuantisation(graph);
  if (!planned.ok) return planned;
  const plan = replanGroups(planned.value, () => (clip ? {} : { clip }));
  const linears = plan.flatMap(({ groups }) => groups.flatMap((group) => group.linears));
  if (linears.length === 0)
    return fail([diagnose('QK187', { file: path, message: 'the scheme leaves every linear as it is' })]);
  const pruned = linears.find(({ sparsity }) => sparsity !== 'dense');
  if (pruned !== undefined) {
    const message = `${pruned.name} is to be pruned, and no recipe of a budget is`;
    return fail([diagnose('QK186', { message, hint: 'leave out sparsity, or --ppl-budget' })]);
  }
  const identity = {
    ...identifyInputs(model, { kind: 'file', calibration }),
    ...{ purpose: 'budget', plan: listPlan(plan), method },
    text: [text.window, sha256(bytesOf(text.ids))],
  };
  const opened = openQuantiseWorkspace(output, graph, hashValue(identity));
  if (!opened.ok) return fail([opened.error]);
  const workspace = opened.value;
  let done = false;
  try {
    const { dtype } = graph;
    const found = await searchRecipe({
      ...{ ...request, plan, dtype, folder: workspace.folder },
      read: openWeights(tensors, folder, { dtype, keep: false }),
      readKept: openWeights(tensors, folder, { dtype, shared: true }),
    });
    if (!found.ok) return found;
    const columns = readChosenColumns(found.value.files);
    if (!columns.ok) return columns;
    const placed = placeQuantised(output, {
      ...{ graph, plan: found.value.plan, tensors, files: found.value.files },
      document: describeQuantised(document, found.value.plan, (name) => columns.value.get(name) ?? []),
      others: tokenizerFiles(path),
    });
    if (!placed.ok) return placed;
    done = true;
    return found;
  } finally {
    workspace.close(done);
  }
}
