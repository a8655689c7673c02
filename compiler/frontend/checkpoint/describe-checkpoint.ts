import { basename, dirname } from 'node:path';
import type { ModelInput } from '../model-schema.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';

/** The model.json of a checkpoint: its facts, and the weight files there are. */
export function describeCheckpoint(
  name: string,
  facts: CheckpointFacts,
  files: readonly string[] | undefined,
): ModelInput {
  const { dtype, described, tensors, rows } = facts;
  const named = tensors === undefined ? {} : { tensors: { ...tensors } };
  const ordered = rows === undefined ? {} : { rows };
  return {
    quikc: 1,
    name,
    ...(dtype === undefined ? {} : { dtype }),
    ...described,
    ...(files === undefined ? {} : { weights: { files: [...files], ...named, ...ordered } }),
  };
}

/** Where facts stand in the checkpoint; whatever else a model.json could say, no field of the checkpoint says. */
export function originsOf({ origins }: CheckpointFacts): (pointer: string) => string {
  return (pointer) => {
    if (pointer.startsWith('--')) return pointer;
    const [, top, fact = ''] = pointer.split('/');
    return top === 'facts' && Object.hasOwn(origins, fact) ? (origins[fact] ?? '') : '';
  };
}

/**
 * What a checkpoint is called: its folder or file without the ending, or, in the cache of the Hugging Face hub, the
 * repository (models--ORG--NAME/snapshots/COMMIT). Reduced to what a name may have.
 */
export function nameOfCheckpoint(path: string): string {
  const repository = /^models--.+--(.+)$/.exec(basename(dirname(dirname(path))))?.[1];
  const stem = repository ?? basename(path).replace(/\.gguf$/i, '');
  const replaced = stem.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 127);
  return /^[A-Za-z_]/.test(replaced) ? replaced : `_${replaced}`;
}
