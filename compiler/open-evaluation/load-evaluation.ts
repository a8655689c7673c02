import type { Graph } from '../../ir/graph.ts';
import { repetitions } from '../../ir/graph.ts';
import { openWeights } from '../checkpoint/open-weights.ts';
import { hasQuantisedLinear, readQuantisedLinear } from '../checkpoint/read-quantised-linear.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { wantedLinears } from '../evaluate/linear-operands.ts';
import type { QuantisedWeights } from '../evaluate/quantised-weights.ts';
import { roundWeights } from '../evaluate/round-weights.ts';
import { type LoadRequest, loadGraph } from '../load-graph.ts';
import type { ReadWeight } from '../reference/float-model/session.ts';
import { fail, type Result, succeed } from '../support/result.ts';

/** A model with its weights within reach. */
export interface LoadedEvaluation {
  /** After the passes. */
  readonly graph: Graph;
  /** As imported, and weights in its 16-bit format, to be evaluated in float; absent where all there is is quantised. */
  readonly float?: { readonly graph: Graph; readonly read: ReadWeight<Diagnostic> };
  readonly weights: QuantisedWeights;
  readonly folder: string;
  readonly warnings: readonly Diagnostic[];
}

/** Opens a model, be it quantised already or to be quantised as it is evaluated, by rounding to the nearest code. */
export async function loadEvaluation(
  request: LoadRequest,
): Promise<Result<LoadedEvaluation, readonly Diagnostic[]>> {
  const loaded = await loadGraph(request);
  if (!loaded.ok) return loaded;
  const { graph, imported, warnings, openTensors, folder } = loaded.value;
  const opened = openTensors();
  if (!opened.ok) return opened;
  const tensors = opened.value;
  if (tensors.size === 0)
    return fail([diagnose('QK191', { file: request.file, message: 'the model names no weight files' })]);
  const read = openWeights(tensors, folder, { dtype: graph.dtype, shared: true });
  const common = { graph, folder, warnings };
  if (isQuantisedCheckpoint(graph, tensors))
    return succeed({
      ...common,
      weights: { read, linear: (wanted) => readQuantisedLinear(tensors, wanted, folder) },
    });
  const float = { graph: imported, read };
  // A reader keeps what it has read: of one that is made anew, nothing is left once the codes are there.
  const readOnce: typeof read = (reference, layer) =>
    openWeights(tensors, folder, { dtype: graph.dtype })(reference, layer);
  return succeed({ ...common, float, weights: roundWeights(read, graph.dtype, readOnce) });
}

/** Told by the first linear that is to be quantised. */
function isQuantisedCheckpoint(graph: Graph, tensors: ReadonlyMap<string, StoredTensor>): boolean {
  for (const block of graph.blocks) {
    const node = block.nodes.find(({ op }) => op === 'quik-linear');
    if (node?.op !== 'quik-linear' || repetitions(block) === 0) continue;
    const [first] = wantedLinears(block, block.repeat?.first ?? 0, node);
    return first !== undefined && hasQuantisedLinear(tensors, first.name);
  }
  return false;
}
