import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openByteSource } from '../../../../compiler/checkpoint/byte-source.ts';
import { readGguf } from '../../../../compiler/checkpoint/read-gguf.ts';
import type { ModelTokenizer } from '../../../../compiler/checkpoint/tokenizer/model-tokenizer.ts';
import { openGgufTokenizer } from '../../../../compiler/checkpoint/tokenizer/open-gguf-tokenizer.ts';
import { readReference, readWindows, smollm2File } from '../../../support/reference-models.ts';
import { memorySource } from '../memory-source.ts';
import { type RawGguf, type RawValue, text, texts, u32, writeGguf } from '../write-gguf.ts';

const numbers = (element: 5 | 6, value: readonly number[]): RawValue => ({ type: 9, element, value });
const flag = (value: boolean): RawValue => ({ type: 7, value: value ? 1 : 0 });

async function openTokenizer(metadata: RawGguf['metadata'] & object) {
  const source = memorySource(writeGguf({ metadata }));
  const header = readGguf(source);
  if (!header.ok) throw new Error(JSON.stringify(header.error));
  return openGgufTokenizer(source, header.value);
}

async function tokenizerOf(metadata: RawGguf['metadata'] & object): Promise<ModelTokenizer> {
  const opened = await openTokenizer(metadata);
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}

function encode(tokenizer: ModelTokenizer, given: string, special = false): readonly number[] {
  const ids = tokenizer.encode(given, { special });
  if (!ids.ok) throw new Error(JSON.stringify(ids.error));
  return ids.value;
}

function decode(tokenizer: ModelTokenizer, ids: readonly number[]): string {
  const decoded = tokenizer.decode(ids);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.error));
  return decoded.value;
}

describe('SentencePiece', () => {
  const fixture = JSON.parse(readFileSync('test/fixtures/checkpoints/sentencepiece.json', 'utf8')) as {
    readonly tokens: readonly string[];
    readonly scores: readonly number[];
    readonly types: readonly number[];
    readonly texts: readonly {
      readonly text: string;
      readonly ids: readonly number[];
      readonly decoded: string;
    }[];
  };
  const metadata: RawGguf['metadata'] & object = [
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', texts(fixture.tokens)],
    ['tokenizer.ggml.scores', numbers(6, fixture.scores)],
    ['tokenizer.ggml.token_type', numbers(5, fixture.types)],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
  ];

  test.each(fixture.texts)('$text: the ids and the text of the package sentencepiece', async (entry) => {
    const tokenizer = await tokenizerOf(metadata);
    expect(encode(tokenizer, entry.text)).toEqual(entry.ids);
    expect(decode(tokenizer, entry.ids)).toBe(entry.decoded);
  });

  test('begins a text with BOS where special tokens are asked for, and knows control tokens in a text', async () => {
    const tokenizer = await tokenizerOf(metadata);
    expect(encode(tokenizer, 'a', true)).toEqual([1, 259]);
    expect(encode(tokenizer, '</s>')).toEqual([2]);
    expect([tokenizer.bos, tokenizer.eos]).toEqual(['<s>', '</s>']);
    const without = await tokenizerOf([...metadata, ['tokenizer.ggml.add_bos_token', flag(false)]]);
    expect(encode(without, 'a', true)).toEqual([259]);
  });
});

describe('byte-level BPE', () => {
  const letters = ['a', 'b', 'c', '1', '2', '3', 'Ġ', 'Ċ', 'é'.normalize('NFC'), 'Ã', '©'];
  const merged = ['ab', 'abc', 'Ġa', '12', '123', 'Ã©'];
  const metadata = (pre: string): RawGguf['metadata'] & object => [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(pre)],
    ['tokenizer.ggml.tokens', texts([...letters, ...merged, '<end>'])],
    ['tokenizer.ggml.token_type', numbers(5, [...letters, ...merged].map(() => 1).concat(3))],
    ['tokenizer.ggml.merges', texts(['a b', 'ab c', 'Ġ a', '1 2', '12 3', 'Ã ©'])],
    ['tokenizer.ggml.eos_token_id', u32(letters.length + merged.length)],
  ];
  const pieces = async (pre: string, given: string) => {
    const tokenizer = await tokenizerOf(metadata(pre));
    return encode(tokenizer, given).map((id) => [...letters, ...merged, '<end>'][id]);
  };

  test.each([
    ['gpt-2', ['abc', 'Ġa', 'Ġ', '123', '12']],
    ['smollm', ['abc', 'Ġa', 'Ġ', '1', '2', '3', '1', '2']],
    ['llama-bpe', ['abc', 'Ġa', 'Ġ', '123', '12']],
    ['qwen2', ['abc', 'Ġa', 'Ġ', '1', '2', '3', '1', '2']],
  ])('%s cuts digits and words as its models do', async (pre, expected) => {
    expect(await pieces(pre, 'abc a 12312')).toEqual(expected);
  });

  test('qwen2 composes letters first, gpt-2 leaves them as they are', async () => {
    expect(await pieces('qwen2', 'e\u0301')).toEqual(['Ã©']);
    expect(await pieces('gpt-2', 'é')).toEqual(['Ã©']);
  });

  test('special tokens are found within a text, and decoded', async () => {
    const tokenizer = await tokenizerOf(metadata('gpt-2'));
    const ids = encode(tokenizer, 'ab<end>c');
    expect(decode(tokenizer, ids)).toBe('ab<end>c');
    expect(ids).toContain(letters.length + merged.length);
  });

  const refusal = async (changed: RawGguf['metadata'] & object): Promise<string> => {
    const opened = await openTokenizer(changed);
    return opened.ok ? '' : opened.error.map(({ code, message }) => `${code} ${message}`).join('\n');
  };

  test('other tokenizers are refused by name, and vocabularies that are none', async () => {
    expect(await refusal(metadata('viking'))).toBe('QK169 "tokenizer.ggml.pre" is "viking"');
    expect(await refusal([['tokenizer.ggml.model', text('gpt2')]])).toMatch(
      /^QK169 .*no tokenizer\.ggml\.tokens/,
    );
    const tokens = ['tokenizer.ggml.tokens', texts(['a'])] as const;
    expect(await refusal([['tokenizer.ggml.model', text('bert')], tokens])).toMatch(/^QK169 .*"bert"/);
    expect(await refusal([['tokenizer.ggml.model', text('llama')], tokens])).toMatch(/^QK169 .*scores/);
    const long = ['tokenizer.ggml.tokens', texts(['a'.repeat(600)])] as const;
    expect(await refusal([['tokenizer.ggml.model', text('gpt2')], long])).toMatch(/^QK169 .*600 characters/);
    const ids = ['tokenizer.ggml.tokens', numbers(5, [1])] as const;
    expect(await refusal([['tokenizer.ggml.model', text('gpt2')], ids])).toMatch(/^QK152 /);
  });

  test('a chat template that is there, is not there, and does not hold', async () => {
    const template =
      '{{ bos_token }}{% for m in messages %}[{{ m.role }}: {{ m.content }}]{% endfor %}{{ eos_token }}';
    const tokenizer = await tokenizerOf([...metadata('gpt-2'), ['tokenizer.chat_template', text(template)]]);
    const messages = [{ role: 'user' as const, content: 'a b' }];
    expect(tokenizer.renderChat(messages)).toEqual({ ok: true, value: '[user: a b]<end>' });
    const render = async (broken: string | undefined) => {
      const changes = broken === undefined ? [] : [['tokenizer.chat_template', text(broken)] as const];
      const rendered = (await tokenizerOf([...metadata('gpt-2'), ...changes])).renderChat(messages);
      return rendered.ok ? '' : rendered.error.code;
    };
    expect(await render(undefined)).toBe('QK170');
    expect(await render('{% for %}')).toBe('QK170');
    expect(await render("{{ raise_exception('no') }}")).toBe('QK170');
  });
});

describe('SmolLM2', () => {
  const name = 'smollm2-135m-instruct';
  const reference = readReference(name);
  const there = existsSync(smollm2File) && reference !== undefined;
  const missing = there ? '' : ' (NOT RUN: node test/support/fetch-smollm2.mjs, and its reference)';

  test.skipIf(!there)(`ids, texts and chat template are the model's own${missing}`, async () => {
    const source = openByteSource(smollm2File);
    const header = source.ok ? readGguf(source.value) : source;
    if (!source.ok || !header.ok) throw new Error('the file cannot be read');
    const opened = await openGgufTokenizer(source.value, header.value);
    if (!opened.ok) throw new Error(JSON.stringify(opened.error));
    for (const { text: given, ids } of reference?.sequences ?? [])
      expect(encode(opened.value, given, true)).toEqual(ids);
    for (const ids of readWindows(`${name}/eval.bin`, 512)) {
      const decoded = decode(opened.value, ids);
      expect(encode(opened.value, decoded)).toEqual(ids);
    }
    const chat = opened.value.renderChat([{ role: 'user', content: 'What is the capital of France?' }]);
    expect(chat).toEqual({ ok: true, value: reference?.sequences[1]?.text });
  });
});
