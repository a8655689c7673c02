import { resolve } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import { hashValue } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { identifyInputs, listPlan } from './identify-inputs.ts';
import { type PlannedLayer, type PlannedLinear, planQuantisation } from './plan-quantisation.ts';
import type { QuantiseMethod } from './quantise-method.ts';
import type { StatisticsSource } from './quantise-model.ts';
import { openQuantiseWorkspace, type QuantiseWorkspace } from './quantise-workspace.ts';

/** All that the bytes of a quantised checkpoint depend on, and where it is to be. */
export interface CheckpointInputs<S extends StatisticsSource = StatisticsSource> {
  /** Of the model, as it was named. */
  readonly path: string;
  readonly model: WeightedModel;
  readonly source: S;
  readonly method: QuantiseMethod;
  /** For all linears, in place of what the model says of each. */
  readonly overrides: Pick<Partial<PlannedLinear>, 'clip' | 'sparsity'>;
  readonly output: string;
}

export interface BegunCheckpoint {
  readonly plan: readonly PlannedLayer[];
  /** Locked: to be closed. */
  readonly workspace: QuantiseWorkspace;
}

/** Plans what becomes of a model, and opens what was done of it. Faults: those of planQuantisation, QK187 nothing to do, QK171, QK185. */
export function beginCheckpoint({
  path,
  model,
  source,
  method,
  overrides,
  output,
}: CheckpointInputs): Result<BegunCheckpoint, readonly Diagnostic[]> {
  const planned = planQuantisation(model.graph);
  if (!planned.ok) return planned;
  const plan = override(planned.value, overrides);
  if (!plan.some(({ groups }) => groups.length > 0))
    return fail([diagnose('QK187', { file: path, message: 'the scheme leaves every linear as it is' })]);
  const identity = hashValue({ ...identifyInputs(model, source), plan: listPlan(plan), method });
  const opened = openQuantiseWorkspace(resolve(output), model.graph, identity);
  return opened.ok ? succeed({ plan, workspace: opened.value }) : fail([opened.error]);
}

function override(
  plan: readonly PlannedLayer[],
  overrides: CheckpointInputs['overrides'],
): readonly PlannedLayer[] {
  return plan.map(({ layer, groups }) => ({
    layer,
    groups: groups.map(({ group, linears }) => ({
      group,
      linears: linears.map((linear) => ({ ...linear, ...overrides })),
    })),
  }));
}
