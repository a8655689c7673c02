import { basename, dirname, resolve } from 'node:path';
import { openByteSource } from '../../checkpoint/byte-source.ts';
import type { GgufHeader } from '../../checkpoint/read-gguf.ts';
import { readGguf } from '../../checkpoint/read-gguf.ts';
import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { hashValue } from '../../support/hash.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import { describeCheckpoint, nameOfCheckpoint, originsOf } from './describe-checkpoint.ts';
import { FieldReader } from './field-reader.ts';
import { readLlamaMetadata } from './read-llama-metadata.ts';

type Faults = readonly Diagnostic[];

/**
 * A GGUF file, from its header. Faults: QK150 to QK158 the file, QK120 its architecture, QK157 a part of a split model,
 * QK161 and QK162 what its metadata says.
 */
export function openGguf(file: string): Result<Checkpoint, Faults> {
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  const header = readGguf(source.value);
  if (!header.ok) return header;
  const tensors = new Map(header.value.tensors.map((tensor) => [tensor.name, tensor]));
  const facts = readFacts(file, header.value, tensors);
  if (!facts.ok) return facts;
  const name = basename(file);
  const model = describeCheckpoint(nameOfCheckpoint(resolve(file)), facts.value, [name]);
  return succeed({
    model,
    originOf: originsOf(facts.value),
    // Of what is made of the header: gigabytes of weights change no kernel, and are not read.
    identity: { file: name, bytes: source.value.size, sha256: hashValue(model) },
    folder: dirname(file),
    tensors,
    warnings: [],
    locate: (diagnostics) =>
      diagnostics.map((diagnostic) =>
        diagnostic.file === undefined && diagnostic.pointer !== undefined
          ? { ...diagnostic, file }
          : diagnostic,
      ),
  });
}

function readFacts(
  file: string,
  { metadata }: GgufHeader,
  tensors: ReadonlyMap<string, StoredTensor>,
): Result<CheckpointFacts, Faults> {
  const reader = new FieldReader(Object.fromEntries(metadata), file);
  const parts = reader.size('split.count') ?? 1;
  if (parts > 1) {
    const message = `the file is one of ${parts} parts`;
    const hint = 'merge them with llama-gguf-split --merge';
    return fail([diagnose('QK157', { file, pointer: reader.pointer('split.count'), message, hint })]);
  }
  const architecture = reader.text('general.architecture');
  switch (architecture) {
    case 'llama':
    case 'qwen2':
    case 'qwen3': {
      const facts = readLlamaMetadata(reader, architecture, tensors);
      return reader.faults.length > 0 ? fail(reader.faults) : succeed(facts);
    }
    default: {
      const what = architecture === undefined ? 'missing' : quoteText(architecture);
      const message = `"general.architecture" is ${what}`;
      const pointer = reader.pointer('general.architecture');
      const expected = '"llama", "qwen2" or "qwen3"';
      return fail([...reader.faults, diagnose('QK120', { file, pointer, message, expected })]);
    }
  }
}
