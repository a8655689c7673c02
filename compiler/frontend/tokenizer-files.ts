import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { openByteSource } from '../checkpoint/byte-source.ts';
import { readGguf } from '../checkpoint/read-gguf.ts';
import { describeGgufTokenizer } from '../checkpoint/tokenizer/open-gguf-tokenizer.ts';
import { folderOfModel } from './folder-of-model.ts';

export const tokenizerFileNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

/**
 * The files by which a folder has a model's tokenizer, by name: those of its folder, or made of what its GGUF file holds. Empty
 * where there is none that is understood: a model can do without.
 */
export function tokenizerFiles(path: string): ReadonlyMap<string, Uint8Array> {
  if (extname(path).toLowerCase() === '.gguf') return describe(path);
  const folder = folderOfModel(path);
  return new Map(
    tokenizerFileNames.flatMap((name) => {
      const file = join(folder, name);
      const isPlain = existsSync(file) && statSync(file).isFile();
      return isPlain ? [[name, readFileSync(file)] as const] : [];
    }),
  );
}

function describe(file: string): ReadonlyMap<string, Uint8Array> {
  const source = openByteSource(file);
  const header = source.ok ? readGguf(source.value) : source;
  if (!source.ok || !header.ok) return new Map();
  const found = describeGgufTokenizer(source.value, header.value);
  if (!found.ok) return new Map();
  const { definition, chatTemplate, bos, eos } = found.value;
  const config = { bos_token: bos, eos_token: eos, chat_template: chatTemplate };
  const write = (value: object) => Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
  return new Map([
    ['tokenizer.json', write(definition)],
    ['tokenizer_config.json', write(config)],
  ]);
}
