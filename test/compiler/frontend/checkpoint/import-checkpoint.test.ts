import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cpuMilliseconds } from '../../../support/cpu-milliseconds.ts';
import { llamaShapes, saveConfig, saveShards, smallConfig } from './make-checkpoint.ts';
import { factsOf, graphOf } from './read-checkpoint.ts';
import { useCheckpointFolder } from './use-checkpoint-folder.ts';

const { folder, gguf, saveFolder, saveGguf } = useCheckpointFolder();

describe('config.json as facts', () => {
  test('LLaMA 2 in one file', async () => {
    saveFolder();
    expect(await factsOf(folder())).toMatchObject({
      quikc: 1,
      dtype: 'f16',
      architecture: 'llama',
      facts: {
        hidden: 512,
        layers: 2,
        heads: 8,
        kvHeads: 2,
        ffn: 1024,
        vocab: 640,
        rmsNormEps: 1e-5,
        ropeTheta: 10_000,
        tied: false,
        context: 2048,
      },
      weights: { files: ['model.safetensors'] },
    });
  });

  const llama3 = {
    rope_type: 'llama3',
    factor: 8.0,
    low_freq_factor: 1.0,
    high_freq_factor: 4.0,
    original_max_position_embeddings: 8192,
  };
  const ropeScaling = {
    kind: 'llama3',
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContext: 8192,
  };
  test.each<readonly [string, object, object]>([
    ['LLaMA 3.1', { rope_theta: 500000.0, rope_scaling: llama3 }, { ropeTheta: 500_000, ropeScaling }],
    [
      'LLaMA 3.1 as transformers 5 writes it',
      {
        rope_theta: undefined,
        rope_scaling: undefined,
        rope_parameters: { ...llama3, rope_theta: 500000.0 },
      },
      { ropeTheta: 500_000, ropeScaling },
    ],
    [
      'YaRN',
      { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 512, beta_fast: 16 } },
      { ropeScaling: { kind: 'yarn', factor: 4, originalContext: 512, betaFast: 16 } },
    ],
    [
      'linear scaling by its older name',
      { rope_scaling: { type: 'linear', factor: 2 } },
      { ropeScaling: { kind: 'linear', factor: 2 } },
    ],
    [
      'LLaMA 1, which says nothing of KV heads',
      { num_key_value_heads: undefined, num_attention_heads: 8 },
      {},
    ],
    ['Mistral with a window', { model_type: 'mistral', sliding_window: 1024 }, { slidingWindow: 1024 }],
    ['Mistral by its default', { model_type: 'mistral' }, { slidingWindow: 4096 }],
    ['a head of its own size', { head_dim: 64 }, { headDim: 64 }],
  ])('%s', async (_, config, expected) => {
    saveConfig(folder(), { ...smallConfig, ...config });
    const { facts } = await factsOf(folder());
    expect(facts).toMatchObject(expected);
    if (Object.keys(expected).length === 0) expect(facts).not.toHaveProperty('kvHeads');
  });

  test('Mistral without a window', async () => {
    saveConfig(folder(), { ...smallConfig, model_type: 'mistral', sliding_window: null });
    expect((await factsOf(folder()))['facts']).not.toHaveProperty('slidingWindow');
  });

  test('Qwen2 in BF16: biases of q, k and v, and a tied head that is not stored', async () => {
    const { 'lm_head.weight': _head, ...shapes } = llamaShapes();
    const biases = [0, 1].flatMap((layer) =>
      (['q', 'k', 'v'] as const).map((which): [string, number[]] => [
        `model.layers.${layer}.self_attn.${which}_proj.bias`,
        [which === 'q' ? 512 : 128],
      ]),
    );
    const config = { model_type: 'qwen2', tie_word_embeddings: true, torch_dtype: 'bfloat16' };
    saveFolder({ ...config, use_sliding_window: false }, { ...shapes, ...Object.fromEntries(biases) });
    const { dtype, facts } = await factsOf(folder());
    expect(dtype).toBe('bf16');
    expect(facts).toMatchObject({ tied: true, attentionBias: true });
    expect(facts).not.toHaveProperty('outputBias');
  });

  test('Qwen3: norms of heads, and heads of 128 unless it says otherwise', async () => {
    saveConfig(folder(), { ...smallConfig, model_type: 'qwen3' });
    expect((await factsOf(folder()))['facts']).toMatchObject({ qkNorm: true, headDim: 128 });
  });

  test('what the model is called: the folder, or the repository in the cache of the hub', async () => {
    const snapshot = join(folder(), 'models--meta-llama--Llama-2-7b-hf', 'snapshots', '01c7f73d');
    mkdirSync(snapshot, { recursive: true });
    saveConfig(snapshot, smallConfig);
    expect(await factsOf(snapshot)).toMatchObject({ name: 'Llama-2-7b-hf' });
    saveConfig(folder(), smallConfig);
    expect((await factsOf(folder()))['name']).toMatch(/^quikc_checkpoint_/);
  });
});

test('every node points at the field of config.json that it comes from', async () => {
  saveFolder();
  const nodes = (await graphOf(folder())).blocks.flatMap((block) => block.nodes);
  const origins = Object.fromEntries(nodes.map(({ id, origin }) => [id, origin]));
  expect(origins).toMatchObject({
    embed_tokens: '/vocab_size',
    input_layernorm: '/rms_norm_eps',
    'self_attn.q_proj': '/num_attention_heads',
    'self_attn.k_proj': '/num_key_value_heads',
    'self_attn.o_proj': '/hidden_size',
    'self_attn.rope_q': '/rope_theta',
    'mlp.up_proj': '/intermediate_size',
    lm_head: '/vocab_size',
  });
  saveGguf();
  const read = (await graphOf(gguf())).blocks.flatMap((block) => block.nodes);
  expect(read.find(({ id }) => id === 'mlp.up_proj')?.origin).toBe('/llama.feed_forward_length');
});

test('LLaMA-3.1-405B: facts and the headers of 191 shards, 810 GB by their sizes, in under a second', async () => {
  const size = { hidden: 16_384, ffn: 53_248, layers: 126, q: 16_384, kv: 1024, vocab: 128_256 };
  saveConfig(folder(), {
    ...smallConfig,
    hidden_size: size.hidden,
    intermediate_size: size.ffn,
    num_hidden_layers: size.layers,
    num_attention_heads: 128,
    num_key_value_heads: 8,
    vocab_size: size.vocab,
  });
  saveShards(folder(), llamaShapes(size), 191);
  const started = cpuMilliseconds();
  const { facts, weights: named } = await factsOf(folder());
  const spent = cpuMilliseconds() - started;
  expect(facts).toMatchObject({ hidden: 16_384, layers: 126 });
  expect((named as { files: string[] }).files).toHaveLength(191);
  expect(spent).toBeLessThan(1000);
});
