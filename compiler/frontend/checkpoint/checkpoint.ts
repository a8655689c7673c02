import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { ModelInput } from '../model-schema.ts';

/** A model file by its name, without folders, and its contents. */
export interface ModelIdentity {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A Hugging Face folder or a GGUF file, described as a model.json in its folder would do it. */
export interface Checkpoint {
  readonly model: ModelInput;
  /** Where in the checkpoint something in `model` comes from, by JSON pointers. */
  readonly originOf: (pointer: string) => string;
  readonly identity: ModelIdentity;
  /** The folder that `model.weights.files` are relative to. */
  readonly folder: string;
  /** By name, from headers; absent where there are no weights. */
  readonly tensors?: ReadonlyMap<string, StoredTensor>;
  readonly warnings: readonly Diagnostic[];
  /** Gives diagnostics that only point somewhere their file, and its line where it has lines. */
  readonly locate: (diagnostics: readonly Diagnostic[]) => readonly Diagnostic[];
}
