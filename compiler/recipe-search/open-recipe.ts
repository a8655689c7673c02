import type { Graph } from '../../ir/graph.ts';
import { readQuantisedLinear } from '../checkpoint/read-quantised-linear.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { QuantisedWeights } from '../evaluate/quantised-weights.ts';
import type { WeightedModel } from '../load-weighted-model.ts';
import type { PlannedLayer } from '../quantised-checkpoint/plan-quantisation.ts';
import { readChosenColumns } from '../quantised-checkpoint/read-chosen-columns.ts';
import { readLayerFiles } from '../quantised-checkpoint/read-layer-files.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { type Result, succeed } from '../support/result.ts';
import { graphOfRecipe } from './graph-of-recipe.ts';

/** A model as it is after a plan, before it is written as a checkpoint: the same graph and the same values. */
export interface OpenedRecipe {
  readonly graph: Graph;
  readonly weights: QuantisedWeights;
}

/** `files` have the plan's linears, quantised; `read` has everything else. */
export function openRecipe(
  { document, folder }: WeightedModel,
  read: ReadWeight<Diagnostic>,
  plan: readonly PlannedLayer[],
  files: readonly string[],
): Result<OpenedRecipe, readonly Diagnostic[]> {
  const columns = readChosenColumns(files);
  if (!columns.ok) return columns;
  const graph = graphOfRecipe(document, plan, (name) => columns.value.get(name) ?? []);
  if (!graph.ok) return graph;
  const listed = readLayerFiles(files);
  if (!listed.ok) return listed;
  const quantised = new Map(listed.value.map((tensor) => [tensor.name, tensor]));
  return succeed({
    graph: graph.value,
    weights: {
      read,
      linear: (wanted) => readQuantisedLinear(quantised, wanted, folder),
    },
  });
}
