import type { Graph } from '../ir/graph.ts';
import { openByteSource } from './checkpoint/byte-source.ts';
import { readQuantisedLinear } from './checkpoint/read-quantised-linear.ts';
import { readSafetensors } from './checkpoint/read-safetensors.ts';
import type { StoredTensor } from './checkpoint/stored-tensor.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { QuantisedWeights } from './evaluate/quantised-weights.ts';
import { graphOfRecipe } from './graph-of-recipe.ts';
import type { WeightedModel } from './load-weighted-model.ts';
import type { PlannedLayer } from './plan-quantisation.ts';
import { readChosenColumns } from './read-chosen-columns.ts';
import type { ReadWeight } from './reference/float-model/session.ts';
import { fail, type Result, succeed } from './support/result.ts';

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
  const quantised = new Map<string, StoredTensor>();
  for (const file of files) {
    const source = openByteSource(file);
    const listed = source.ok ? readSafetensors(source.value) : fail([source.error]);
    if (!listed.ok) return listed;
    for (const tensor of listed.value) quantised.set(tensor.name, tensor);
  }
  return succeed({
    graph: graph.value,
    weights: {
      read,
      linear: (wanted) => readQuantisedLinear(quantised, wanted, folder),
    },
  });
}
