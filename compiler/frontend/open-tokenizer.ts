import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readGguf } from '../checkpoint/read-gguf.ts';
import type { ModelTokenizer } from '../checkpoint/tokenizer/model-tokenizer.ts';
import { openFolderTokenizer } from '../checkpoint/tokenizer/open-folder-tokenizer.ts';
import { openGgufTokenizer } from '../checkpoint/tokenizer/open-gguf-tokenizer.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail } from '../support/result.ts';

/** The tokenizer of the model that `path` names: what its GGUF file holds, else that of its folder. */
export async function openTokenizer(path: string): Promise<Result<ModelTokenizer, readonly Diagnostic[]>> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return openFolderTokenizer(path);
  if (basename(path).endsWith('.json')) return openFolderTokenizer(dirname(path));
  const source = openByteSource(path);
  if (!source.ok) return fail([source.error]);
  const header = readGguf(source.value);
  return header.ok ? openGgufTokenizer(source.value, header.value) : header;
}
