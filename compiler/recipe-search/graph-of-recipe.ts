import type { Graph } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { importModel } from '../frontend/import-model.ts';
import { noOverrides } from '../frontend/layer-rule.ts';
import type { ModelInput } from '../frontend/model-schema.ts';
import { runPasses } from '../passes/run-passes.ts';
import { type ColumnsOf, describeQuantised } from '../quantised-checkpoint/describe-quantised.ts';
import type { PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** The fused graph of the checkpoint that a plan comes to, as whoever reads its model.json has it. */
export function graphOfRecipe(
  document: ModelInput,
  plan: readonly PlannedLayer[],
  columnsOf: ColumnsOf,
  columns?: ColumnMode,
): Result<Graph, readonly Diagnostic[]> {
  const text = JSON.stringify(describeQuantised(document, plan, columnsOf));
  const imported = importModel({ file: 'model.json', text }, noOverrides);
  if (!imported.ok) return imported;
  const passed = runPasses(imported.value, columns === undefined ? {} : { columns });
  return passed.ok ? succeed(passed.value.graph) : fail(passed.error);
}
