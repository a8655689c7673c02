import { quoteText } from '../../diagnostics/escape-text.ts';
import type { LlamaFactsInput } from '../schema-facts.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import type { FieldReader } from './field-reader.ts';
import { readRope } from './read-rope.ts';

/** Model types of Hugging Face that are LLaMA in shape. Defaults are those of transformers 5.23, configuration_*.py. */
export type LlamaType = 'llama' | 'mistral' | 'qwen2' | 'qwen3';

const keys = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  ffn: 'intermediate_size',
  vocab: 'vocab_size',
  rmsNormEps: 'rms_norm_eps',
  tied: 'tie_word_embeddings',
  context: 'max_position_embeddings',
  attentionBias: 'attention_bias',
  outputBias: 'attention_bias',
  mlpBias: 'mlp_bias',
  slidingWindow: 'sliding_window',
} as const;

/** The config.json of a LLaMA, Mistral, Qwen2 or Qwen3 as facts. Faults go to the reader: QK161, QK162. */
export function readLlamaConfig(config: FieldReader, type: LlamaType): CheckpointFacts {
  const activation = config.text('hidden_act') ?? 'silu';
  if (activation !== 'silu') config.refuseVariant('hidden_act', `the activation ${quoteText(activation)}`);
  const partial = config.positive('partial_rotary_factor') ?? 1;
  if (partial !== 1) config.refuseVariant('partial_rotary_factor', 'rope over a part of each head');
  const { ropeTheta, ropeScaling, ropeKey } = readRope(config);
  // Only LLaMA's own default is the number of heads; that of the others fits one size of model and is a trap elsewhere.
  const kvHeads = type === 'llama' ? config.size(keys.kvHeads) : config.neededSize(keys.kvHeads);
  const headDim = config.size(keys.headDim) ?? (type === 'qwen3' ? 128 : undefined);
  const biased = config.flag(keys.attentionBias) ?? false;
  const window = readWindow(config, type);
  const facts: LlamaFactsInput = {
    hidden: config.neededSize(keys.hidden),
    layers: config.neededSize(keys.layers),
    heads: config.neededSize(keys.heads),
    ...(kvHeads === undefined ? {} : { kvHeads }),
    ...(headDim === undefined ? {} : { headDim }),
    ffn: config.neededSize(keys.ffn),
    vocab: config.neededSize(keys.vocab),
    rmsNormEps: config.neededPositive(keys.rmsNormEps),
    ropeTheta,
    ...(ropeScaling === undefined ? {} : { ropeScaling }),
    tied: config.flag(keys.tied) ?? false,
    ...(type === 'qwen2' ? { attentionBias: true } : {}),
    ...(biased && (type === 'llama' || type === 'qwen3') ? { attentionBias: true, outputBias: true } : {}),
    ...(type === 'llama' && config.flag(keys.mlpBias) === true ? { mlpBias: true } : {}),
    ...(type === 'qwen3' ? { qkNorm: true } : {}),
    ...(window === undefined ? {} : { slidingWindow: window }),
    ...contextOf(config),
  };
  const origins = Object.fromEntries(Object.entries(keys).map(([fact, key]) => [fact, config.pointer(key)]));
  const rope = { ropeTheta: ropeKey, ropeScaling: ropeKey };
  return { described: { architecture: 'llama', facts }, origins: { ...origins, ...rope } };
}

function contextOf(config: FieldReader): Pick<LlamaFactsInput, 'context'> {
  const context = config.size(keys.context);
  return context === undefined ? {} : { context };
}

/** Mistral always had a window until its configs said null; Qwen has one for some layers, where it is asked for. */
function readWindow(config: FieldReader, type: LlamaType): number | undefined {
  if (type === 'llama') return undefined;
  if (type === 'mistral')
    return config.has(keys.slidingWindow) ? config.size(keys.slidingWindow) : mistralWindow;
  if (config.flag('use_sliding_window') === true)
    config.refuseVariant('use_sliding_window', 'a sliding window in some layers');
  return undefined;
}

const mistralWindow = 4096;
