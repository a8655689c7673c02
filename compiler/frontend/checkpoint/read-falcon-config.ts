import { quoteText } from '../../diagnostics/escape-text.ts';
import type { FalconFactsInput } from '../schema-facts.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import type { FieldReader } from './field-reader.ts';
import { readRope } from './read-rope.ts';

const keys = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  ffn: 'ffn_hidden_size',
  vocab: 'vocab_size',
  layerNormEps: 'layer_norm_epsilon',
  bias: 'bias',
  tied: 'tie_word_embeddings',
  context: 'max_position_embeddings',
} as const;

/** The config.json of a Falcon as facts; defaults are transformers'. Faults go to the reader: QK161, QK162. */
export function readFalconConfig(config: FieldReader): CheckpointFacts {
  if (config.flag('alibi') === true) config.refuseVariant('alibi', 'positions by ALiBi', 'rope');
  const isNew = config.flag('new_decoder_architecture') ?? false;
  if (!isNew && config.flag('parallel_attn') === false)
    config.refuseVariant('parallel_attn', 'its MLP after attention, not beside it');
  const activation = config.text('activation') ?? 'gelu';
  if (activation !== 'gelu')
    config.refuseVariant('activation', `the activation ${quoteText(activation)}`, 'gelu');
  const { kvHeads, kvKey } = readKvHeads(config, isNew);
  const norms = config.size('num_ln_in_parallel_attn') ?? (isNew ? 2 : 1);
  if (norms > 2) config.refuseVariant('num_ln_in_parallel_attn', `${norms} norms side by side`, '1 or 2');
  const { ropeTheta, ropeScaling, ropeKey } = readRope(config);
  const ffn = config.size(keys.ffn);
  const context = config.size(keys.context);
  const facts: FalconFactsInput = {
    hidden: config.neededSize(keys.hidden),
    layers: config.neededSize(keys.layers),
    heads: config.neededSize(keys.heads),
    ...(kvHeads === undefined ? {} : { kvHeads }),
    ...(ffn === undefined ? {} : { ffn }),
    vocab: config.neededSize(keys.vocab),
    layerNormEps: config.positive(keys.layerNormEps) ?? 1e-5,
    norms: isNew && norms === 2 ? 2 : 1,
    ropeTheta,
    ...(ropeScaling === undefined ? {} : { ropeScaling }),
    bias: config.flag(keys.bias) ?? false,
    tied: config.flag(keys.tied) ?? true,
    ...(context === undefined ? {} : { context }),
  };
  const plain = Object.fromEntries(Object.entries(keys).map(([fact, key]) => [fact, config.pointer(key)]));
  const others = {
    kvHeads: config.pointer(kvKey),
    norms: config.pointer('new_decoder_architecture'),
    ropeTheta: ropeKey,
    ropeScaling: ropeKey,
  };
  return { described: { architecture: 'falcon', facts }, origins: { ...plain, ...others } };
}

/** Only the new decoder counts KV heads; before it there was one, or as many as heads (undefined). */
function readKvHeads(
  config: FieldReader,
  isNew: boolean,
): { readonly kvHeads?: number; readonly kvKey: string } {
  if (!isNew) {
    const kvKey = 'multi_query';
    return config.flag(kvKey) === false ? { kvKey } : { kvHeads: 1, kvKey };
  }
  const kvHeads = config.size('num_kv_heads');
  return { kvKey: 'num_kv_heads', ...(kvHeads === undefined ? {} : { kvHeads }) };
}
