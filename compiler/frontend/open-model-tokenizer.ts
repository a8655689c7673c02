import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readGguf } from '../checkpoint/read-gguf.ts';
import type { ModelTokenizer } from '../checkpoint/tokenizer/model-tokenizer.ts';
import { openFolderTokenizer } from '../checkpoint/tokenizer/open-folder-tokenizer.ts';
import { openGgufTokenizer } from '../checkpoint/tokenizer/open-gguf-tokenizer.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result } from '../support/result.ts';
import { folderOfModel } from './open-tensors.ts';

/**
 * The tokenizer of a model as it was named: of a GGUF file what is in it; else the folder's, which is that of its only GGUF
 * file where there is no tokenizer.json.
 */
export async function openModelTokenizer(
  path: string,
): Promise<Result<ModelTokenizer, readonly Diagnostic[]>> {
  if (isGguf(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true) return openGguf(path);
  const folder = folderOfModel(path);
  const files = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [];
  const [only, ...others] = files.filter(isGguf);
  const inGguf = only !== undefined && others.length === 0 && !files.includes('tokenizer.json');
  return inGguf ? openGguf(join(folder, only)) : openFolderTokenizer(folder);
}

function isGguf(file: string): boolean {
  return extname(file).toLowerCase() === '.gguf';
}

async function openGguf(file: string): Promise<Result<ModelTokenizer, readonly Diagnostic[]>> {
  const source = openByteSource(file);
  if (!source.ok) return fail([source.error]);
  const header = readGguf(source.value);
  return header.ok ? openGgufTokenizer(source.value, header.value) : header;
}
