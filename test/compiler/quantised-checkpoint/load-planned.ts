import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import { loadWeightedModel, type WeightedModel } from '../../../compiler/load-weighted-model.ts';
import {
  type PlannedLayer,
  planQuantisation,
} from '../../../compiler/quantised-checkpoint/plan-quantisation.ts';
import { unwrap } from '../quantise/example-linear.ts';

export interface LoadedModel extends WeightedModel {
  readonly plan: readonly PlannedLayer[];
}

/** A model, and what quantize makes of its linears. */
export async function loadPlanned(
  path: string,
  { layer = [], outliers = '0' }: Pick<Partial<QuantizeOptions>, 'layer' | 'outliers'>,
): Promise<LoadedModel> {
  const model = unwrap(await loadWeightedModel(path, { layers: [...layer], outliers }));
  return { ...model, plan: unwrap(planQuantisation(model.graph)) };
}
