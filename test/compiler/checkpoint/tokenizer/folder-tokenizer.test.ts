import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFolderTokenizer } from '../../../../compiler/checkpoint/tokenizer/open-folder-tokenizer.ts';
import { modelsFolder, readReference } from '../../../support/reference-models.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-tokenizer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const save = (name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

const definition = {
  added_tokens: [{ id: 2, content: '<s>', special: true }],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] },
};

async function faultOf(): Promise<string> {
  const opened = await openFolderTokenizer(folder);
  return opened.ok ? '' : opened.error.map(({ code, message }) => `${code} ${message}`).join('\n');
}

async function open() {
  const opened = await openFolderTokenizer(folder);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}

const messages = [{ role: 'user' as const, content: 'a' }];

test('a definition alone', async () => {
  save('tokenizer.json', definition);
  const tokenizer = await open();
  expect(tokenizer.encode('ab<s>')).toEqual({ ok: true, value: [0, 1, 2] });
  expect(tokenizer.bos).toBeUndefined();
  expect(tokenizer.renderChat(messages).ok).toBe(false);
});

test.each<readonly [string, Readonly<Record<string, unknown>>]>([
  ['in the config', { 'tokenizer_config.json': { bos_token: '<s>', chat_template: '{{ bos_token }}!' } }],
  [
    'one of several, tokens as objects',
    {
      'tokenizer_config.json': {
        bos_token: { content: '<s>' },
        chat_template: [
          { name: 'tool_use', template: 'no' },
          { name: 'default', template: '{{ bos_token }}!' },
        ],
      },
    },
  ],
  [
    'in a file of its own, which wins',
    {
      'tokenizer_config.json': { bos_token: '<s>', chat_template: 'no' },
      'chat_template.jinja': '{{ bos_token }}!',
    },
  ],
])('a chat template %s', async (_, files) => {
  save('tokenizer.json', definition);
  for (const [name, content] of Object.entries(files)) save(name, content);
  expect((await open()).renderChat(messages)).toEqual({ ok: true, value: '<s>!' });
});

describe('refuses', () => {
  test('a folder without a definition', async () => {
    expect(await faultOf()).toMatch(/^QK169 .*no tokenizer\.json/);
  });

  test.each<readonly [string, unknown]>([
    ['a definition that is no JSON', '{'],
    ['one that is a list', []],
    ['one that is empty', {}],
    ['a model that does not exist', { ...definition, model: { type: 'Magic', vocab: {} } }],
    ['a part that does not exist', { ...definition, pre_tokenizer: { type: 'Magic' } }],
    [
      'an expression that is none',
      { ...definition, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } },
    ],
  ])('%s', async (_, content) => {
    save('tokenizer.json', content);
    expect(await faultOf()).toMatch(/^QK169 ./);
  });
});

describe.each(['tiny-llama-plain', 'tiny-opt-plain', 'tiny-falcon-plain', 'tiny-qwen-plain'])(
  '%s',
  (name) => {
    const reference = readReference(name);
    const missing = reference === undefined ? ` (NOT RUN: no ${name} in ${modelsFolder})` : '';

    test.skipIf(reference === undefined)(`ids of texts, and back${missing}`, async () => {
      const opened = await openFolderTokenizer(join(modelsFolder, name));
      if (!opened.ok) throw new Error(JSON.stringify(opened.error));
      for (const { text, ids: whole } of reference?.sequences ?? []) {
        // Some inputs begin with <s>, which no text has.
        const ids = whole[0] === 257 ? whole.slice(1) : whole;
        expect(opened.value.encode(text, { special: true })).toEqual({ ok: true, value: ids });
        expect(opened.value.decode(ids)).toEqual({ ok: true, value: text });
      }
    });
  },
);
