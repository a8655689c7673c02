import type { ModelInput } from '../model-schema.ts';
import type { FalconFactsInput, LlamaFactsInput, OptFactsInput } from '../schema-facts.ts';

/** What a checkpoint says of its model, in the words of model.json. */
export interface CheckpointFacts
  extends Pick<ModelInput, 'dtype'>,
    Pick<NonNullable<ModelInput['weights']>, 'tensors' | 'rows'> {
  readonly described:
    | { readonly architecture: 'llama'; readonly facts: LlamaFactsInput }
    | { readonly architecture: 'opt'; readonly facts: OptFactsInput }
    | { readonly architecture: 'falcon'; readonly facts: FalconFactsInput };
  /** Where in the checkpoint each fact stands: a JSON pointer into its config, or to a key of its metadata. */
  readonly origins: Readonly<Record<string, string>>;
}
