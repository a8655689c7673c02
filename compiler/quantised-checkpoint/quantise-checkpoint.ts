import { resolve } from 'node:path';
import { openWeights } from '../checkpoint/open-weights.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { tokenizerFiles } from '../frontend/tokenizer-files.ts';
import type { OpenThreads } from '../linear-algebra/open-threads.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { QuantiseJob } from '../quantise/perform-quantise.ts';
import { hashValue } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { describeQuantised } from './describe-quantised.ts';
import { identifyInputs, listPlan } from './identify-inputs.ts';
import { placeQuantised } from './place-quantised.ts';
import { type PlannedLayer, planQuantisation } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';
import { quantiseModel, type StatisticsSource } from './quantise-model.ts';
import { openQuantiseWorkspace } from './quantise-workspace.ts';
import { readChosenColumns } from './read-chosen-columns.ts';

type Faults = readonly Diagnostic[];

export interface CheckpointRequest {
  /** Of the model, as it was named. */
  readonly path: string;
  readonly model: WeightedModel;
  readonly source: StatisticsSource;
  readonly method: QuantiseMethod;
  /** For all linears, in place of what the model says of each. */
  readonly overrides: Pick<Partial<PlannedLayer['groups'][number]['linears'][number]>, 'clip' | 'sparsity'>;
  readonly output: string;
  readonly threads: OpenThreads<QuantiseJob>;
  readonly signal: AbortSignal;
  readonly onFraction: (fraction: number) => void;
}

/** What was quantised, and with which columns. */
export interface QuantisedCheckpoint {
  readonly plan: readonly PlannedLayer[];
  readonly columns: ReadonlyMap<string, readonly number[]>;
}

/**
 * Quantises a model and puts the result at `output`, whole or not at all. What was done is kept beside it when this is ended early,
 * and taken up by the next call for the same. Rejects when the signal is aborted.
 */
export async function quantiseCheckpoint(
  request: CheckpointRequest,
): Promise<Result<QuantisedCheckpoint, Faults>> {
  const { model, path, source, method } = request;
  const output = resolve(request.output);
  const planned = planQuantisation(model.graph);
  if (!planned.ok) return planned;
  const plan = override(planned.value, request.overrides);
  if (!plan.some(({ groups }) => groups.length > 0))
    return fail([diagnose('QK187', { file: path, message: 'the scheme leaves every linear as it is' })]);
  const opened = openQuantiseWorkspace(
    output,
    model.graph,
    hashValue({ ...identifyInputs(model, source), plan: listPlan(plan), method }),
  );
  if (!opened.ok) return fail([opened.error]);
  const workspace = opened.value;
  let done = false;
  try {
    const { graph, tensors, folder, document } = model;
    const read = openWeights(tensors, folder, { dtype: graph.dtype, keep: false });
    const made = await quantiseModel({ ...request, graph, plan, read, workspace });
    if (!made.ok) return fail([made.error]);
    const files = plan.flatMap(({ groups }, at) => groups.map((_, index) => workspace.groupFile(at, index)));
    const columns = readChosenColumns(files);
    if (!columns.ok) return columns;
    const placed = placeQuantised(output, {
      ...{ graph, plan, tensors, files },
      document: describeQuantised(document, plan, (name) => columns.value.get(name) ?? []),
      others: tokenizerFiles(path),
    });
    if (!placed.ok) return placed;
    done = true;
    return succeed({ plan, columns: columns.value });
  } finally {
    workspace.close(done);
  }
}

function override(
  plan: readonly PlannedLayer[],
  overrides: CheckpointRequest['overrides'],
): readonly PlannedLayer[] {
  return plan.map(({ layer, groups }) => ({
    layer,
    groups: groups.map(({ group, linears }) => ({
      group,
      linears: linears.map((linear) => ({ ...linear, ...overrides })),
    })),
  }));
}
