import type { Graph } from '../ir/graph.ts';
import { type Diagnostic, hasErrors } from './diagnostics/diagnostic.ts';
import type { ModelIdentity } from './frontend/checkpoint/checkpoint.ts';
import type { Overrides } from './frontend/layer-rule.ts';
import { openModel } from './frontend/open-model.ts';
import type { PassNote } from './passes/pass.ts';
import type { PassOptions } from './passes/run-passes.ts';
import { runPasses } from './passes/run-passes.ts';
import type { Result } from './support/result.ts';
import { fail, succeed } from './support/result.ts';

export interface LoadRequest extends PassOptions {
  readonly file: string;
  readonly overrides: Overrides;
}

export interface LoadedGraph {
  readonly graph: Graph;
  /** Before any pass. */
  readonly imported: Graph;
  /** The model as it was read. */
  readonly model: ModelIdentity;
  readonly notes: readonly PassNote[];
  readonly warnings: readonly Diagnostic[];
  /** Gives diagnostics of later stages their place in the model's text. */
  readonly locate: (diagnostics: readonly Diagnostic[]) => readonly Diagnostic[];
}

/** The stages that need no target: frontend and passes. */
export async function loadGraph(request: LoadRequest): Promise<Result<LoadedGraph, readonly Diagnostic[]>> {
  const opened = await openModel(request.file);
  if (!opened.ok) return opened;
  const { identity, toGraph, checkWeights, locate } = opened.value;
  const imported = toGraph(request.overrides);
  if (!imported.ok) return fail(locate(imported.error));
  const passed = runPasses(imported.value, request);
  if (!passed.ok) return fail(locate(passed.error));
  const { graph, notes } = passed.value;
  const findings = checkWeights(graph);
  if (hasErrors(findings)) return fail(findings);
  const warnings = [...opened.value.warnings, ...findings, ...locate(passed.value.warnings)];
  return succeed({ graph, imported: imported.value, model: identity, notes, warnings, locate });
}
