import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { readSource } from '../../diagnostics/read-source.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import { createTokenizer, type ModelTokenizer } from './model-tokenizer.ts';

type Faults = readonly Diagnostic[];

/**
 * The tokenizer of a Hugging Face folder: tokenizer.json, and of tokenizer_config.json the special tokens and the chat
 * template, which newer folders have in chat_template.jinja. Faults: QK100 to QK102 unreadable, QK169 not understood.
 */
export async function openFolderTokenizer(folder: string): Promise<Result<ModelTokenizer, Faults>> {
  const file = join(folder, 'tokenizer.json');
  if (!existsSync(file)) {
    const message = 'the folder has no tokenizer.json';
    return fail([diagnose('QK169', { file: folder, message })]);
  }
  const definition = await readObject(file);
  if (!definition.ok) return definition;
  const settings = join(folder, 'tokenizer_config.json');
  const config = existsSync(settings) ? await readObject(settings) : succeed<Fields>({});
  if (!config.ok) return config;
  const template = await readTemplate(folder, config.value);
  if (!template.ok) return template;
  const bos = tokenText(config.value['bos_token']);
  const eos = tokenText(config.value['eos_token']);
  const made = await createTokenizer({
    definition: definition.value,
    config: config.value,
    ...(template.value === undefined ? {} : { chatTemplate: template.value }),
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
    file,
  });
  return made.ok ? made : fail([made.error]);
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * By JSON.parse: vocabularies of 10 MB are common, and what is odd in one is the library's to refuse. A key "__proto__" is
 * an own property there, and no other object's prototype.
 */
async function readObject(file: string): Promise<Result<Fields, Faults>> {
  const source = await readSource(file);
  if (!source.ok) return source;
  const refuse = (message: string) => fail([diagnose('QK169', { file, message })]);
  try {
    const value: unknown = JSON.parse(source.value.text);
    return isFields(value) ? succeed(value) : refuse('the file holds no JSON object');
  } catch {
    return refuse('the file is not JSON');
  }
}

async function readTemplate(folder: string, config: Fields): Promise<Result<string | undefined, Faults>> {
  const file = join(folder, 'chat_template.jinja');
  if (existsSync(file)) {
    const source = await readSource(file);
    return source.ok ? succeed(source.value.text) : source;
  }
  const given = config['chat_template'];
  if (typeof given === 'string') return succeed(given);
  // Some folders list several, for tools or retrieval; the one called default is for conversations.
  const entries: readonly unknown[] = Array.isArray(given) ? given : [];
  const templates = entries.filter(isFields).filter(({ name }) => name === 'default');
  const template = templates[0]?.['template'];
  return succeed(typeof template === 'string' ? template : undefined);
}

/** A special token as a text, or as an object with its text. */
function tokenText(token: unknown): string | undefined {
  const text = isFields(token) ? token['content'] : token;
  return typeof text === 'string' ? text : undefined;
}

function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
