import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Graph } from '../../ir/graph.ts';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readGguf } from '../checkpoint/read-gguf.ts';
import { readSafetensors } from '../checkpoint/read-safetensors.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { codesFolder, openCodes } from './checkpoint/open-codes.ts';

/** The tensors of a model by name, and the folder that its files lie in. */
export interface OpenedTensors {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The folder that weight files are relative to, of a model as it was named: its folder, or its file's. */
export function folderOfModel(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path);
}

/**
 * The tensors of all files that a graph names, from their headers. Faults: QK150 to QK158 of the files, QK154 a tensor in
 * two of them, and those of openCodes; QK191 the model names no file.
 */
export function openTensors(path: string, graph: Graph): Result<OpenedTensors, readonly Diagnostic[]> {
  const folder = folderOfModel(path);
  if (graph.weightFiles.length === 0)
    return fail([diagnose('QK191', { file: path, message: 'the model names no weight files' })]);
  const tensors = new Map<string, StoredTensor>();
  for (const name of graph.weightFiles) {
    const file = join(folder, name);
    const read = readFile(file);
    if (!read.ok) return read;
    for (const tensor of read.value) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) {
        const message = `${quoteText(tensor.name)} is in ${quoteText(other.source.file)} too`;
        return fail([diagnose('QK154', { file, message })]);
      }
      tensors.set(tensor.name, tensor);
    }
  }
  const opened = openCodes(codesFolder(folder, graph.weightFiles), tensors);
  return opened.ok ? succeed({ folder, tensors: opened.value.tensors }) : opened;
}

function readFile(file: string): Result<readonly StoredTensor[], readonly Diagnostic[]> {
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  if (!/\.gguf$/i.test(file)) return readSafetensors(source.value);
  const header = readGguf(source.value);
  return header.ok ? succeed(header.value.tensors) : header;
}
