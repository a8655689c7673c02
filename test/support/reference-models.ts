import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Where the reference models are: small trained models with the logits that transformers computes, too large to be kept
 * here. QUIKC_MODELS names the folder; beside the checkout unless given.
 */
export const modelsFolder = process.env['QUIKC_MODELS'] ?? '../shared/models';

/** What reference.json has of a model. */
export interface ReferenceModel {
  readonly sequences: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly top20: readonly {
      readonly position: number;
      readonly ids: readonly number[];
      readonly logits: readonly number[];
      readonly logsumexp: number;
    }[];
    readonly greedy: readonly number[];
    readonly greedy_margins: readonly number[];
  }[];
  readonly eval: {
    readonly file: string;
    readonly window: number;
    readonly windows: number;
    readonly nll: number;
  };
  /** Perplexities over all of that text, of a simulation in float32. */
  readonly simulated: readonly { readonly config: string; readonly nll: number; readonly ppl: number }[];
  readonly tensors: Readonly<Record<string, { readonly sha256?: string; readonly sha256_f16?: string }>>;
}

export function readReference(model: string): ReferenceModel | undefined {
  const file = join(modelsFolder, model, 'reference.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ReferenceModel) : undefined;
}

/** Windows of token ids of a text: little-endian uint16, no header. */
export function readWindows(file: string, window: number): readonly (readonly number[])[] {
  const bytes = readFileSync(join(modelsFolder, file));
  const ids = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16LE(2 * index));
  return Array.from({ length: Math.floor(ids.length / window) }, (_, index) =>
    ids.slice(index * window, (index + 1) * window),
  );
}

/** Where fetch-smollm2.mjs puts the one model of published size that tests know. */
export const smollm2File = '.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf';
