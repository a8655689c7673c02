import { join } from 'node:path';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readGguf } from '../checkpoint/read-gguf.ts';
import { readSafetensors } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { codesFolder, openCodes } from './checkpoint/open-codes.ts';

type Faults = readonly Diagnostic[];

/**
 * The tensors of the weight files that a model.json names, relative to its folder, by name: safetensors, or GGUF by the ending.
 * Faults: QK150 to QK158 of the files, QK154 a tensor in two of them, and those of openCodes.
 */
export function openWeightFiles(
  folder: string,
  files: readonly string[],
): Result<ReadonlyMap<string, StoredTensor>, Faults> {
  const tensors = new Map<string, StoredTensor>();
  for (const name of files) {
    const file = join(folder, name);
    const read = readTensors(file);
    if (!read.ok) return read;
    for (const tensor of read.value) {
      if (tensors.has(tensor.name)) {
        const message = `${quoteText(tensor.name)} is in an earlier file too`;
        return fail([diagnose('QK154', { file, message })]);
      }
      tensors.set(tensor.name, tensor);
    }
  }
  const opened = openCodes(codesFolder(folder, files), tensors);
  return opened.ok ? succeed(opened.value.tensors) : opened;
}

function readTensors(file: string): Result<readonly StoredTensor[], Faults> {
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  if (!/\.gguf$/i.test(file)) return readSafetensors(source.value);
  const header = readGguf(source.value);
  return header.ok ? succeed(header.value.tensors) : header;
}
