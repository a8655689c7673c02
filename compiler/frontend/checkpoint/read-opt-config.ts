import type { OptFactsInput } from '../schema-facts.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import type { FieldReader } from './field-reader.ts';

const keys = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  ffn: 'ffn_dim',
  vocab: 'vocab_size',
  positions: 'max_position_embeddings',
  embedding: 'word_embed_proj_dim',
  normFirst: 'do_layer_norm_before',
  activation: 'activation_function',
  bias: 'enable_bias',
  tied: 'tie_word_embeddings',
} as const;

/** The config.json of an OPT as facts; defaults are transformers'. Faults go to the reader: QK161, QK162. */
export function readOptConfig(config: FieldReader): CheckpointFacts {
  const normFirst = config.flag(keys.normFirst) ?? true;
  if (normFirst && config.flag('_remove_final_layer_norm') === true)
    config.refuseVariant('_remove_final_layer_norm', 'no norm before its head');
  if (config.flag('layer_norm_elementwise_affine') === false)
    config.refuseVariant('layer_norm_elementwise_affine', 'norms without weights');
  const activation = config.text(keys.activation) ?? 'relu';
  if (activation !== 'relu' && activation !== 'gelu')
    config.refuseVariant(keys.activation, 'another activation', 'relu or gelu');
  const hidden = config.neededSize(keys.hidden);
  const embedding = config.size(keys.embedding);
  const facts: OptFactsInput = {
    hidden,
    layers: config.neededSize(keys.layers),
    heads: config.neededSize(keys.heads),
    ffn: config.neededSize(keys.ffn),
    vocab: config.neededSize(keys.vocab),
    positions: config.neededSize(keys.positions),
    ...(embedding === undefined || embedding === hidden ? {} : { embedding }),
    normFirst,
    activation: activation === 'gelu' ? 'gelu' : 'relu',
    bias: config.flag(keys.bias) ?? true,
    tied: config.flag(keys.tied) ?? true,
  };
  const origins = Object.fromEntries(Object.entries(keys).map(([fact, key]) => [fact, config.pointer(key)]));
  return { described: { architecture: 'opt', facts }, origins };
}
