import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../../compiler/load-graph.ts';
import type { Graph } from '../../../../ir/graph.ts';
import { type Shapes, saveConfig, saveZeros } from './make-checkpoint.ts';
import { factsOf, faultsOf, graphOf } from './read-checkpoint.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const weights = () => join(folder, 'model.safetensors');

/** The shapes of the tensors that the nodes of a checkpoint without weights read. */
async function tensorsOf(): Promise<readonly string[]> {
  saveZeros(weights(), {});
  const loaded = await loadGraph({ file: folder, overrides: noOverrides });
  if (loaded.ok) throw new Error('the checkpoint was taken');
  return loaded.error.map(({ message }) => /"(.*)"/.exec(message)?.[1] ?? message);
}

describe('OPT', () => {
  const config = {
    ...{ model_type: 'opt', torch_dtype: 'float16', vocab_size: 640, hidden_size: 512, ffn_dim: 2048 },
    ...{ num_hidden_layers: 1, num_attention_heads: 8, max_position_embeddings: 128 },
    ...{ activation_function: 'relu', do_layer_norm_before: true, word_embed_proj_dim: 512 },
  };

  test('125m: learned positions, norms first, biases', async () => {
    saveConfig(folder, config);
    const { architecture, facts } = await factsOf(folder);
    expect(architecture).toBe('opt');
    expect(facts).toMatchObject({ ffn: 2048, positions: 128, normFirst: true, bias: true, tied: true });
    const nodes = (await graphOf(folder)).blocks.flatMap((block) => block.nodes);
    expect(nodes.map(({ id }) => id).filter((id) => id !== 'input')).toEqual([
      ...['embed_tokens', 'embed_positions', 'self_attn_layer_norm'],
      ...['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.attention'],
      ...['self_attn.out_proj', 'self_attn_residual', 'final_layer_norm', 'fc1', 'activation', 'fc2'],
      ...['final_residual', 'norm', 'lm_head'],
    ]);
    expect(nodes.find(({ id }) => id === 'embed_positions')).toMatchObject({ positions: 130, offset: 2 });
    expect(nodes.find(({ id }) => id === 'fc1')?.origin).toBe('/ffn_dim');
    expect(await tensorsOf()).toContain('model.decoder.embed_positions.weight');
  });

  test('350m: norms after, embeddings narrower than the model', async () => {
    saveConfig(folder, { ...config, do_layer_norm_before: false, word_embed_proj_dim: 256 });
    expect((await factsOf(folder))['facts']).toMatchObject({ normFirst: false, embedding: 256 });
    const nodes = (await graphOf(folder)).blocks.flatMap((block) => block.nodes);
    expect(nodes.find(({ id }) => id === 'final_layer_norm')).toMatchObject({ input: 'final_residual' });
    expect(nodes.find(({ id }) => id === 'project_in')).toMatchObject({ k: 256, input: 'embed_tokens' });
    expect(nodes.find(({ id }) => id === 'lm_head')).toMatchObject({ input: 'project_out', k: 256 });
    expect(nodes.some(({ id }) => id === 'norm')).toBe(false);
  });

  test.each<readonly [string, object, RegExp]>([
    ['another activation', { activation_function: 'silu' }, /^QK162 \/activation_function/],
    ['no norm before the head', { _remove_final_layer_norm: true }, /^QK162 \/_remove_final_layer_norm/],
    ['norms without weights', { layer_norm_elementwise_affine: false }, /^QK162 /],
    ['no width of its MLP', { ffn_dim: undefined }, /^QK161 \/ffn_dim .*missing/],
  ])('refuses %s', async (_, changes, expected) => {
    saveConfig(folder, { ...config, ...changes });
    expect(await faultsOf(folder)).toMatch(expected);
  });
});

describe('Falcon', () => {
  const config = {
    ...{ model_type: 'falcon', torch_dtype: 'bfloat16', vocab_size: 640, hidden_size: 512 },
    ...{ num_hidden_layers: 1, num_attention_heads: 8, multi_query: true, parallel_attn: true },
    ...{ new_decoder_architecture: false, alibi: false, bias: false, layer_norm_epsilon: 1e-5 },
  };
  const rowsOf = (graph: Graph) =>
    graph.blocks
      .flatMap((block) => block.nodes)
      .flatMap((node) => (node.op === 'linear' && node.parts[0]?.weight?.rows ? [node.parts[0]] : []))
      .map(({ n, weight }) => [n, weight?.tensor, weight?.rows]);
  const fused = 'transformer.h.{layer}.self_attention.query_key_value.weight';

  test('7B: one norm, one KV head, whose k and v end the fused tensor', async () => {
    saveConfig(folder, config);
    expect((await factsOf(folder))['facts']).toMatchObject({ kvHeads: 1, norms: 1, bias: false, tied: true });
    saveZeros(weights(), falconShapes({ fused: 640, norms: ['input_layernorm'] }));
    const period = { order: 'grouped', period: 640 };
    expect(rowsOf(await graphOf(folder))).toEqual([
      [512, fused, { ...period, first: 0, count: 512 }],
      [64, fused, { ...period, first: 512, count: 64 }],
      [64, fused, { ...period, first: 576, count: 64 }],
    ]);
  });

  test('the new decoder: two norms, groups of heads in the fused tensor', async () => {
    saveConfig(folder, { ...config, new_decoder_architecture: true, num_kv_heads: 2 });
    expect((await factsOf(folder))['facts']).toMatchObject({ kvHeads: 2, norms: 2 });
    saveZeros(weights(), falconShapes({ fused: 768, norms: ['ln_attn', 'ln_mlp'] }));
    const period = { order: 'grouped', period: 6 * 64 };
    expect(rowsOf(await graphOf(folder))).toEqual([
      [512, fused, { ...period, first: 0, count: 256 }],
      [128, fused, { ...period, first: 256, count: 64 }],
      [128, fused, { ...period, first: 320, count: 64 }],
    ]);
    saveZeros(weights(), falconShapes({ fused: 640, norms: ['ln_attn', 'ln_mlp'] }));
    expect(await faultsOf(folder)).toMatch(/^QK164 .*query_key_value/);
  });

  test.each<readonly [string, object, RegExp]>([
    ['ALiBi', { alibi: true }, /^QK162 \/alibi/],
    ['an MLP after attention', { parallel_attn: false }, /^QK162 \/parallel_attn/],
    ['another activation', { activation: 'relu' }, /^QK162 \/activation/],
    [
      'heads that do not divide',
      { new_decoder_architecture: true, num_kv_heads: 3 },
      /^QK114 \/num_kv_heads/,
    ],
  ])('refuses %s', async (_, changes, expected) => {
    saveConfig(folder, { ...config, ...changes });
    expect(await faultsOf(folder)).toMatch(expected);
  });
});

function falconShapes({
  fused,
  norms,
}: {
  readonly fused: number;
  readonly norms: readonly string[];
}): Shapes {
  const layer = 'transformer.h.0';
  return {
    'transformer.word_embeddings.weight': [640, 512],
    'transformer.ln_f.weight': [512],
    'transformer.ln_f.bias': [512],
    'lm_head.weight': [640, 512],
    [`${layer}.self_attention.query_key_value.weight`]: [fused, 512],
    [`${layer}.self_attention.dense.weight`]: [512, 512],
    [`${layer}.mlp.dense_h_to_4h.weight`]: [2048, 512],
    [`${layer}.mlp.dense_4h_to_h.weight`]: [512, 2048],
    ...Object.fromEntries(
      norms.flatMap((norm) => [
        [`${layer}.${norm}.weight`, [512]],
        [`${layer}.${norm}.bias`, [512]],
      ]),
    ),
  };
}
