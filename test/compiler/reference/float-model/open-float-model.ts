import { openWeights } from '../../../../compiler/checkpoint/open-weights.ts';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { fromCheckpoint, openCheckpoint } from '../../../../compiler/frontend/open-model.ts';
import { createFloatModel, type FloatModel } from '../../../../compiler/reference/float-model/float-model.ts';
import type { ActivationDtype } from '../../../../ir/dtype.ts';

/** A checkpoint as a model in float64, its weights rounded to `dtype` where that is given. */
export async function openFloatModel(path: string, dtype?: ActivationDtype): Promise<FloatModel<unknown>> {
  const opened = await openCheckpoint(path);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const { tensors, folder } = opened.value;
  const graph = fromCheckpoint(opened.value).toGraph(noOverrides);
  if (!graph.ok || tensors === undefined) throw new Error(JSON.stringify(graph));
  return createFloatModel(graph.value, openWeights(tensors, folder, dtype === undefined ? {} : { dtype }));
}
