import type { WeightReference } from '../../ir/graph.ts';
import type { ModelJson } from './model-schema.ts';

/** The tensor of a node by the name that the model has for it, else the standard one; none where it gives no weights. */
export type TensorNames = (node: string, standard: string) => { readonly weight?: WeightReference };

/** Of a model that is described by facts. */
export function tensorNames({ weights }: ModelJson): TensorNames {
  if (weights === undefined) return () => ({});
  const file = weights.files.length === 1 ? weights.files[0] : undefined;
  return (node, standard) => {
    const tensor = weights.tensors?.[node] ?? standard;
    return { weight: file === undefined ? { tensor } : { file, tensor } };
  };
}
