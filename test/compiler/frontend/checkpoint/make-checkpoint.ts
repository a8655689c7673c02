import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { f32, type RawGguf, type RawGgufTensor, text, u32, writeGguf } from '../../checkpoint/write-gguf.ts';

export type Shapes = Readonly<Record<string, readonly number[]>>;

/** The config.json of a small LLaMA as the hub has it. */
export const smallConfig: Readonly<Record<string, unknown>> = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 512,
  intermediate_size: 1024,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000.0,
  rope_scaling: null,
  tie_word_embeddings: false,
  torch_dtype: 'float16',
  vocab_size: 640,
};

export interface LlamaSize {
  readonly hidden: number;
  readonly ffn: number;
  readonly layers: number;
  readonly q: number;
  readonly kv: number;
  readonly vocab: number;
}

const small: LlamaSize = { hidden: 512, ffn: 1024, layers: 2, q: 512, kv: 128, vocab: 640 };

/** The tensors of a LLaMA by Hugging Face's names. */
export function llamaShapes({ hidden, ffn, layers, q, kv, vocab }: LlamaSize = small): Shapes {
  const shapes: Record<string, readonly number[]> = {
    'model.embed_tokens.weight': [vocab, hidden],
    'model.norm.weight': [hidden],
    'lm_head.weight': [vocab, hidden],
  };
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, ...shape: readonly number[]) => {
      shapes[`model.layers.${layer}.${name}.weight`] = shape;
    };
    add('input_layernorm', hidden);
    add('self_attn.q_proj', q, hidden);
    add('self_attn.k_proj', kv, hidden);
    add('self_attn.v_proj', kv, hidden);
    add('self_attn.o_proj', hidden, q);
    add('post_attention_layernorm', hidden);
    add('mlp.gate_proj', ffn, hidden);
    add('mlp.up_proj', ffn, hidden);
    add('mlp.down_proj', hidden, ffn);
  }
  return shapes;
}

export function saveConfig(folder: string, config: object): void {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
}

/** A safetensors file of BF16 zeros, which take no space on the disk whatever their shapes. */
export function saveZeros(file: string, shapes: Shapes): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const bytes = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const handle = openSync(file, 'w');
  writeSync(handle, Buffer.concat([length, bytes]));
  ftruncateSync(handle, 8 + bytes.length + end);
  closeSync(handle);
}

/** The same in `count` shards, with the index that says which tensor is where. */
export function saveShards(folder: string, shapes: Shapes, count: number): void {
  const entries = Object.entries(shapes);
  const map: Record<string, string> = {};
  for (let shard = 0; shard < count; shard++) {
    const mine = entries.filter((_, index) => Math.floor((index * count) / entries.length) === shard);
    const file = `model-${String(shard + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.safetensors`;
    saveZeros(join(folder, file), Object.fromEntries(mine));
    for (const [name] of mine) map[name] = file;
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
}

const ggufNames: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\./, 'token_embd.'],
  [/^model\.norm\./, 'output_norm.'],
  [/^lm_head\./, 'output.'],
  [/^model\.layers\.(\d+)\./, 'blk.$1.'],
  [/input_layernorm/, 'attn_norm'],
  [/post_attention_layernorm/, 'ffn_norm'],
  [/self_attn\.o_proj/, 'attn_output'],
  [/self_attn\.([qkv])_proj/, 'attn_$1'],
  [/self_attn\.([qk])_norm/, 'attn_$1_norm'],
  [/mlp\.(gate|up|down)_proj/, 'ffn_$1'],
];

/** The small LLaMA as GGUF: matrices in Q8_0, vectors in F32, as converters write them. */
export function smallGguf(
  changes: { readonly metadata?: RawGguf['metadata']; readonly shapes?: Shapes } = {},
): Uint8Array {
  const { metadata = smallMetadata('llama'), shapes = llamaShapes() } = changes;
  return writeGguf({
    metadata,
    tensors: Object.entries(shapes).map(([name, shape]): RawGgufTensor => {
      const elements = shape.reduce((a, b) => a * b, 1);
      const renamed = ggufNames.reduce((before, [from, to]) => before.replace(from, to), name);
      return shape.length === 1
        ? { name: renamed, shape, type: 0, bytes: new Uint8Array(4 * elements) }
        : { name: renamed, shape, type: 8, bytes: new Uint8Array((elements / 32) * 34) };
    }),
  });
}

export function smallMetadata(
  architecture: string,
  changes: Readonly<Record<string, NonNullable<RawGguf['metadata']>[number][1] | undefined>> = {},
): NonNullable<RawGguf['metadata']> {
  const entries = {
    'general.architecture': text(architecture),
    'general.name': text('Small'),
    [`${architecture}.block_count`]: u32(2),
    [`${architecture}.embedding_length`]: u32(512),
    [`${architecture}.feed_forward_length`]: u32(1024),
    [`${architecture}.attention.head_count`]: u32(8),
    [`${architecture}.attention.head_count_kv`]: u32(2),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: f32(1e-5),
    [`${architecture}.rope.freq_base`]: f32(10_000),
    [`${architecture}.context_length`]: u32(2048),
    ...changes,
  };
  return Object.entries(entries).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
}
