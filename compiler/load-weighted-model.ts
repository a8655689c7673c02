import type { Graph } from '../ir/graph.ts';
import type { StoredTensor } from './checkpoint/stored-tensor.ts';
import { diagnose } from './diagnostics/codes.ts';
import { type Diagnostic, hasErrors } from './diagnostics/diagnostic.ts';
import { checkTensors } from './frontend/checkpoint/check-tensors.ts';
import type { Overrides } from './frontend/layer-rule.ts';
import { type OpenedModel, openModel } from './frontend/open-model.ts';
import { inferShapes } from './passes/infer-shapes.ts';
import type { Result } from './support/result.ts';
import { fail, succeed } from './support/result.ts';

type Faults = readonly Diagnostic[];

/** A model that can be computed: its graph as it was imported, and its weights. */
export interface WeightedModel {
  /** Not annotated and not fused; shapes are inferred. */
  readonly graph: Graph;
  readonly folder: string;
  /** By name, from headers; openWeights reads them. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Ids are from 0 to vocab - 1. */
  readonly vocab: number;
  /** The longest sequence that it takes, where that is known. */
  readonly context?: number;
  readonly warnings: Faults;
}

/** Opens a model and holds its weights against it. Faults: those of openModel and its graph, QK157, QK164, QK174 no weights. */
export async function loadWeightedModel(
  file: string,
  overrides: Overrides,
): Promise<Result<WeightedModel, Faults>> {
  const opened = await openModel(file);
  if (!opened.ok) return opened;
  const { openTensors, folder, contextOf, warnings } = opened.value;
  const graph = importTyped(opened.value, overrides);
  if (!graph.ok) return graph;
  const tensors = openTensors();
  if (!tensors.ok) return tensors;
  const bare = nodeWithoutWeight(graph.value);
  if (tensors.value.size === 0 || bare !== undefined) {
    const message =
      tensors.value.size === 0 ? 'the model has no weights' : `the model names no weights for ${bare}`;
    return fail([diagnose('QK174', { file, message })]);
  }
  const findings = checkTensors(graph.value, tensors.value, folder);
  if (hasErrors(findings)) return fail(findings);
  const vocab = graph.value.blocks[0]?.nodes.flatMap((node) =>
    node.op === 'embedding' ? [node.vocab] : [],
  )[0];
  if (vocab === undefined) {
    const message = 'the model begins with rows of features, not with tokens';
    return fail([diagnose('QK174', { file, message, hint: 'describe it from its embedding on' })]);
  }
  const context = contextOf(graph.value);
  return succeed({
    ...{ graph: graph.value, folder, tensors: tensors.value, vocab },
    ...(context === undefined ? {} : { context }),
    warnings: [...warnings, ...findings],
  });
}

function importTyped({ toGraph, locate }: OpenedModel, overrides: Overrides): Result<Graph, Faults> {
  const imported = toGraph(overrides);
  if (!imported.ok) return fail(locate(imported.error));
  const faults: Diagnostic[] = [];
  const typed = inferShapes.run(imported.value, { report: (fault) => faults.push(fault), note: () => {} });
  return faults.length > 0 ? fail(locate(faults)) : succeed(typed);
}

function nodeWithoutWeight(graph: Graph): string | undefined {
  return graph.blocks
    .flatMap(({ nodes }) => nodes)
    .find((node) => {
      if (node.op === 'linear') return node.parts.some(({ weight }) => weight === undefined);
      return (node.op === 'embedding' || node.op === 'position-embedding') && node.weight === undefined;
    })?.id;
}
