/** How a byte-level tokenizer of GGUF cuts a text before it merges, as tokenizer.json says it. */
export interface PreTokenizer {
  readonly steps: readonly object[];
  readonly normalizer?: object;
  /** A piece that is a token as it stands is not merged up to. */
  readonly ignoreMerges?: true;
  /** Whether a text begins with BOS where the metadata does not say. */
  readonly addsBos?: true;
}

const byteLevel = (regex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: regex,
});

const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});

const gpt2: PreTokenizer = { steps: [byteLevel(true)] };

/** The pattern of GPT-4 and its kin, with up to `digits` digits a piece. */
const modern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** By tokenizer.ggml.pre (llama.cpp, src/llama-vocab.cpp); patterns as the models' own tokenizer.json have them. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ['default', gpt2],
  ['gpt-2', gpt2],
  ['smollm', { steps: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] }],
  [
    'llama-bpe',
    {
      steps: [split(modern('\\p{N}{1,3}')), byteLevel(false)],
      ignoreMerges: true,
      addsBos: true,
    },
  ],
  ['qwen2', { steps: [split(modern('\\p{N}')), byteLevel(false)], normalizer: { type: 'NFC' } }],
]);
