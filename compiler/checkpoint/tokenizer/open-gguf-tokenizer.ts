import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';
import type { ByteSource } from '../byte-source.ts';
import type { GgufArray } from '../gguf-metadata.ts';
import type { GgufHeader } from '../read-gguf.ts';
import { readGgufNumbers, readGgufTexts } from '../read-gguf-array.ts';
import { deriveMerges } from './derive-merges.ts';
import { preTokenizers } from './gguf-pre-tokenizers.ts';
import { createTokenizer, type ModelTokenizer } from './model-tokenizer.ts';

type Faults = readonly Diagnostic[];

/** Longer pieces are no words: SentencePiece limits them to 16, byte-level vocabularies have runs of 128 spaces. */
const longestToken = 512;

/**
 * The tokenizer of a GGUF file, as the tokenizer.json that it was made from: byte-level BPE (`gpt2`, of the kinds in
 * gguf-pre-tokenizers.ts) and SentencePiece BPE (`llama`). Faults: QK150 to QK158 the file, QK169 another tokenizer.
 */
export async function openGgufTokenizer(
  source: ByteSource,
  header: GgufHeader,
): Promise<Result<ModelTokenizer, Faults>> {
  const parts = describeGgufTokenizer(source, header);
  if (!parts.ok) return fail([parts.error]);
  const made = await createTokenizer({ ...parts.value, config: {}, file: source.file });
  return made.ok ? made : fail([made.error]);
}

/** The tokenizer of a GGUF file as a folder has it: tokenizer.json, and what of tokenizer_config.json is known. */
export interface GgufTokenizer {
  readonly definition: object;
  readonly chatTemplate?: string;
  readonly bos?: string;
  readonly eos?: string;
}

export function describeGgufTokenizer(
  source: ByteSource,
  header: GgufHeader,
): Result<GgufTokenizer, Diagnostic> {
  const vocabulary = readVocabulary(source, header);
  if (!vocabulary.ok) return vocabulary;
  const definition = defineTokenizer(source, header, vocabulary.value);
  if (!definition.ok) return definition;
  const { metadata } = header;
  const named = (key: string): string | undefined => {
    const id = metadata.get(`tokenizer.ggml.${key}_token_id`);
    return typeof id === 'number' ? vocabulary.value.tokens[id] : undefined;
  };
  const [bos, eos] = [named('bos'), named('eos')];
  const template = metadata.get('tokenizer.chat_template');
  return succeed({
    definition: definition.value,
    ...(typeof template === 'string' ? { chatTemplate: template } : {}),
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
  });
}

interface Vocabulary {
  readonly tokens: readonly string[];
  /** ggml's llama_token_type; 3 control, 4 user-defined. */
  readonly types: readonly number[];
}

function readVocabulary(source: ByteSource, { metadata }: GgufHeader): Result<Vocabulary, Diagnostic> {
  const tokens = arrayOf(metadata.get('tokenizer.ggml.tokens'));
  if (tokens === undefined)
    return fail(diagnose('QK169', { file: source.file, message: 'the file has no tokenizer.ggml.tokens' }));
  const texts = readGgufTexts(source, tokens, 'tokenizer.ggml.tokens');
  if (!texts.ok) return texts;
  const long = texts.value.find(({ length }) => length > longestToken);
  if (long !== undefined) {
    const message = `a token has ${long.length} characters; at most ${longestToken} are expected`;
    return fail(diagnose('QK169', { file: source.file, message }));
  }
  const types = arrayOf(metadata.get('tokenizer.ggml.token_type'));
  const kinds =
    types === undefined
      ? succeed<readonly number[]>([])
      : readGgufNumbers(source, types, 'tokenizer.ggml.token_type');
  return kinds.ok ? succeed({ tokens: texts.value, types: kinds.value }) : kinds;
}

function defineTokenizer(
  source: ByteSource,
  header: GgufHeader,
  vocabulary: Vocabulary,
): Result<object, Diagnostic> {
  const model = header.metadata.get('tokenizer.ggml.model');
  switch (model) {
    case 'gpt2':
      return defineByteLevel(source, header, vocabulary);
    case 'llama':
      return defineSentencePiece(source, header, vocabulary);
    default: {
      const what = typeof model === 'string' ? quoteText(model) : 'missing';
      const message = `"tokenizer.ggml.model" is ${what}`;
      return fail(diagnose('QK169', { file: source.file, message, expected: '"gpt2" or "llama"' }));
    }
  }
}

function defineByteLevel(
  source: ByteSource,
  { metadata }: GgufHeader,
  vocabulary: Vocabulary,
): Result<object, Diagnostic> {
  const name = metadata.get('tokenizer.ggml.pre') ?? 'default';
  const pre = preTokenizers.get(String(name));
  if (pre === undefined) {
    const message = `"tokenizer.ggml.pre" is ${quoteText(String(name))}`;
    const expected = [...preTokenizers.keys()].join(', ');
    return fail(diagnose('QK169', { file: source.file, message, expected }));
  }
  const array = arrayOf(metadata.get('tokenizer.ggml.merges'));
  const merges =
    array === undefined
      ? succeed<readonly string[]>([])
      : readGgufTexts(source, array, 'tokenizer.ggml.merges');
  if (!merges.ok) return merges;
  return succeed({
    ...common(metadata, vocabulary, pre.addsBos === true),
    normalizer: pre.normalizer ?? null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: pre.steps },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...bpe(vocabulary),
      ignore_merges: pre.ignoreMerges === true,
      // No byte-level token holds a space: it is written as another letter.
      merges: merges.value.map((merge) => merge.split(' ')),
    },
  });
}

function defineSentencePiece(
  source: ByteSource,
  { metadata }: GgufHeader,
  vocabulary: Vocabulary,
): Result<object, Diagnostic> {
  const array = arrayOf(metadata.get('tokenizer.ggml.scores'));
  if (array === undefined)
    return fail(diagnose('QK169', { file: source.file, message: 'the file has no tokenizer.ggml.scores' }));
  const scores = readGgufNumbers(source, array, 'tokenizer.ggml.scores');
  if (!scores.ok) return scores;
  const spaced = metadata.get('tokenizer.ggml.add_space_prefix') !== false;
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const normalizers = spaced ? [{ type: 'Prepend', prepend: '▁' }, replace] : [replace];
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(spaced ? [strip] : []),
  ];
  const unknown = metadata.get('tokenizer.ggml.unknown_token_id');
  return succeed({
    ...common(metadata, vocabulary, true),
    normalizer: { type: 'Sequence', normalizers },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    model: {
      ...bpe(vocabulary),
      unk_token: vocabulary.tokens[typeof unknown === 'number' ? unknown : 0] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      merges: deriveMerges(vocabulary.tokens, scores.value),
    },
  });
}

/** What both kinds have: tokens that are found in a text before anything else, and BOS before a text. */
function common(metadata: GgufHeader['metadata'], { tokens, types }: Vocabulary, addsBos: boolean): object {
  const added = tokens.flatMap((content, id) =>
    types[id] === 3 || types[id] === 4
      ? [
          {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: types[id] === 3,
          },
        ]
      : [],
  );
  const bosId = metadata.get('tokenizer.ggml.bos_token_id');
  const bos = typeof bosId === 'number' ? tokens[bosId] : undefined;
  const adds = metadata.get('tokenizer.ggml.add_bos_token') ?? addsBos;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    post_processor:
      adds === true && bos !== undefined && typeof bosId === 'number'
        ? {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
            pair: [],
            special_tokens: { [bos]: { id: bos, ids: [bosId], tokens: [bos] } },
          }
        : null,
  };
}

function bpe({ tokens }: Vocabulary): object {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
  };
}

function arrayOf(value: unknown): GgufArray | undefined {
  return value !== null && typeof value === 'object' && 'elementType' in value
    ? (value as GgufArray)
    : undefined;
}
