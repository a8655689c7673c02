import type { ModelInput } from '../model-schema.ts';

/** What a checkpoint says of its model, in the words of model.json. */
export interface CheckpointFacts
  extends Pick<ModelInput, 'dtype' | 'architecture' | 'facts'>,
    Pick<NonNullable<ModelInput['weights']>, 'tensors' | 'rows'> {
  /** Where in the checkpoint each fact stands: a JSON pointer into its config, or to a key of its metadata. */
  readonly origins: Readonly<Record<string, string>>;
}
