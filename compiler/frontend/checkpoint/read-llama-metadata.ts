import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import type { LlamaFactsInput } from '../schema-facts.ts';
import type { RopeScalingInput } from '../schema-rope.ts';
import type { CheckpointFacts } from './checkpoint-facts.ts';
import type { FieldReader } from './field-reader.ts';

/** Architectures of GGUF that are LLaMA in shape (gguf-py/gguf/constants.py). Mistral goes as llama there. */
export type LlamaArchitecture = 'llama' | 'qwen2' | 'qwen3';

/** GGUF's names of tensors by the names of nodes. */
const layerTensors = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
} as const;

/**
 * The metadata of a GGUF file as facts. What a llama or qwen file has beyond the least (biases, head norms, an output
 * head of its own, divisors of rope) is known by its tensors, as llama.cpp knows it. Faults go to the reader: QK161, QK162.
 */
export function readLlamaMetadata(
  metadata: FieldReader,
  architecture: LlamaArchitecture,
  tensors: ReadonlyMap<string, StoredTensor>,
): CheckpointFacts {
  const key = (name: string) => `${architecture}.${name}`;
  const first = (name: string, part: 'weight' | 'bias') => tensors.has(`blk.0.${name}.${part}`);
  const kvHeads = metadata.size(key('attention.head_count_kv'));
  const headDim = metadata.size(key('attention.key_length'));
  const heads = metadata.neededSize(key('attention.head_count'));
  const hidden = metadata.neededSize(key('embedding_length'));
  const turned = metadata.size(key('rope.dimension_count'));
  if (turned !== undefined && turned !== (headDim ?? hidden / heads))
    metadata.refuseVariant(key('rope.dimension_count'), `rope over ${turned} features of a head`);
  const experts = metadata.size(key('expert_count'));
  if (experts !== undefined) metadata.refuseVariant(key('expert_count'), `${experts} experts a layer`);
  const context = metadata.size(key('context_length'));
  const window = metadata.size(key('attention.sliding_window'));
  const ropeScaling = readScaling(metadata, key, tensors);
  const tied = !tensors.has('output.weight');
  const facts: LlamaFactsInput = {
    hidden,
    layers: metadata.neededSize(key('block_count')),
    heads,
    ...(kvHeads === undefined ? {} : { kvHeads }),
    ...(headDim === undefined ? {} : { headDim }),
    ffn: metadata.neededSize(key('feed_forward_length')),
    // The key came late and few files have it.
    vocab: tensors.get('token_embd.weight')?.shape[0] ?? metadata.neededSize(key('vocab_size')),
    rmsNormEps: shortest(metadata.neededPositive(key('attention.layer_norm_rms_epsilon'))),
    ropeTheta: shortest(metadata.positive(key('rope.freq_base')) ?? 10_000),
    ...(ropeScaling === undefined ? {} : { ropeScaling }),
    tied,
    ...(first('attn_q', 'bias') ? { attentionBias: true } : {}),
    ...(first('attn_output', 'bias') ? { outputBias: true } : {}),
    ...(first('ffn_down', 'bias') ? { mlpBias: true } : {}),
    ...(first('attn_q_norm', 'weight') ? { qkNorm: true } : {}),
    ...(window === undefined ? {} : { slidingWindow: window }),
    ...(context === undefined ? {} : { context }),
  };
  return {
    described: { architecture: 'llama', facts },
    tensors: tensorNamesOf(facts),
    // llama.cpp turns neighbours in files called llama, halves in those of qwen, and files are written to suit.
    ...(architecture === 'llama' ? { rows: 'paired' as const } : {}),
    origins: originsOf(metadata, key),
  };
}

function originsOf(
  metadata: FieldReader,
  key: (name: string) => string,
): Readonly<Record<keyof LlamaFactsInput, string>> {
  const at = (name: string) => metadata.pointer(key(name));
  return {
    hidden: at('embedding_length'),
    layers: at('block_count'),
    heads: at('attention.head_count'),
    kvHeads: at('attention.head_count_kv'),
    headDim: at('attention.key_length'),
    ffn: at('feed_forward_length'),
    vocab: at('vocab_size'),
    rmsNormEps: at('attention.layer_norm_rms_epsilon'),
    ropeTheta: at('rope.freq_base'),
    ropeScaling: at('rope.scaling.type'),
    slidingWindow: at('attention.sliding_window'),
    context: at('context_length'),
    experts: at('expert_count'),
    // Known by tensors, not by a key.
    tied: '',
    attentionBias: '',
    outputBias: '',
    mlpBias: '',
    qkNorm: '',
  };
}

function readScaling(
  metadata: FieldReader,
  key: (name: string) => string,
  tensors: ReadonlyMap<string, StoredTensor>,
): RopeScalingInput | undefined {
  if (tensors.has('rope_freqs.weight')) return { kind: 'divisors' };
  const type = metadata.text(key('rope.scaling.type')) ?? 'none';
  if (type === 'none') return undefined;
  const factor = () => shortest(metadata.neededPositive(key('rope.scaling.factor')));
  switch (type) {
    case 'linear':
      return { kind: 'linear', factor: factor() };
    case 'yarn': {
      const attention = metadata.positive(key('rope.scaling.attn_factor')) ?? 1;
      if (attention !== 1)
        metadata.refuseVariant(key('rope.scaling.attn_factor'), 'its own scale for attention');
      const originalContext = metadata.neededSize(key('rope.scaling.original_context_length'));
      return { kind: 'yarn', factor: factor(), originalContext };
    }
    default:
      metadata.refuseVariant(
        key('rope.scaling.type'),
        `rope scaling ${quoteText(type)}`,
        'linear, yarn or none',
      );
      return undefined;
  }
}

/** GGUF holds numbers in float32: the shortest decimal that means the same, 1e-5 and not 0.000009999999747378752. */
function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return value;
}

function tensorNamesOf(facts: LlamaFactsInput): Readonly<Record<string, string>> {
  const names: Record<string, string> = {
    embed_tokens: 'token_embd.weight',
    norm: 'output_norm.weight',
    lm_head: facts.tied === true ? 'token_embd.weight' : 'output.weight',
  };
  const biased = (node: string): boolean => {
    if (node === 'self_attn.o_proj') return facts.outputBias === true;
    if (!node.endsWith('_proj')) return false;
    return node.startsWith('mlp.') ? facts.mlpBias === true : facts.attentionBias === true;
  };
  for (const [node, tensor] of Object.entries(layerTensors)) {
    if (/^attn_[qk]_norm$/.test(tensor) && facts.qkNorm !== true) continue;
    names[node] = `blk.{layer}.${tensor}.weight`;
    if (biased(node)) names[`${node}.bias`] = `blk.{layer}.${tensor}.bias`;
  }
  return names;
}
