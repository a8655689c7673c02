import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../../ir/graph.ts';
import { printGraph } from '../../../../ir/print-graph.ts';
import { f32, text, u32 } from '../../checkpoint/write-gguf.ts';
import { llamaShapes, smallMetadata } from './make-checkpoint.ts';
import { factsOf, faultsOf, graphOf } from './read-checkpoint.ts';
import { useCheckpointFolder } from './use-checkpoint-folder.ts';

const { folder, gguf, saveFolder, saveGguf } = useCheckpointFolder();

describe('GGUF', () => {
  test('has the graph of the folder that it was made from, with its own names of tensors', async () => {
    saveFolder();
    saveGguf();
    const plain = (graph: Graph) =>
      printGraph(graph)
        .replaceAll(/ +@\S*/g, '')
        .replace(/^graph \S+/, 'graph');
    const [fromFolder, fromGguf] = [await graphOf(folder()), await graphOf(gguf())];
    expect(plain(fromGguf)).toBe(plain(fromFolder));
    const description = await factsOf(gguf());
    expect(description['weights']).toMatchObject({
      files: ['small.gguf'],
      rows: 'paired',
      tensors: { 'mlp.down_proj': 'blk.{layer}.ffn_down.weight', lm_head: 'output.weight' },
    });
    expect(description['facts']).toMatchObject({ rmsNormEps: 1e-5, ropeTheta: 10_000 });
  });

  test('what its tensors tell: divisors of rope, a tied head, biases and norms of heads', async () => {
    const { 'lm_head.weight': _head, ...shapes } = llamaShapes();
    const extra: Record<string, readonly number[]> = { 'rope_freqs.weight': [32] };
    for (const layer of [0, 1]) {
      extra[`model.layers.${layer}.self_attn.q_norm.weight`] = [64];
      extra[`model.layers.${layer}.self_attn.k_norm.weight`] = [64];
      extra[`model.layers.${layer}.self_attn.q_proj.bias`] = [512];
      extra[`model.layers.${layer}.self_attn.k_proj.bias`] = [128];
      extra[`model.layers.${layer}.self_attn.v_proj.bias`] = [128];
    }
    saveGguf({ metadata: smallMetadata('qwen3'), shapes: { ...shapes, ...extra } });
    const { facts, weights: named } = await factsOf(gguf());
    expect(facts).toMatchObject({
      ...{ tied: true, qkNorm: true, attentionBias: true, ropeScaling: { kind: 'divisors' } },
    });
    expect(named).not.toHaveProperty('rows');
    await graphOf(gguf());
  });

  test.each<readonly [string, Parameters<typeof smallMetadata>, RegExp]>([
    ['another architecture', ['gemma3', {}], /^QK120 \/general\.architecture .*"gemma3"/],
    ['no architecture', ['llama', { 'general.architecture': undefined }], /^QK120 .*missing/],
    [
      'an architecture that is no text',
      ['llama', { 'general.architecture': u32(1) }],
      /^QK161 .* is 1\nQK120/,
    ],
    ['no number of layers', ['llama', { 'llama.block_count': undefined }], /^QK161 \/llama\.block_count/],
    ['layers in a text', ['llama', { 'llama.block_count': text('2') }], /^QK161 .*is "2"/],
    ['no layers', ['llama', { 'llama.block_count': u32(0) }], /^QK161 .*is 0/],
    [
      'an epsilon that is no number',
      ['llama', { 'llama.attention.layer_norm_rms_epsilon': f32(Number.NaN) }],
      /^QK161 .*NaN/,
    ],
    ['rope over half of a head', ['llama', { 'llama.rope.dimension_count': u32(32) }], /^QK162 /],
    ['experts', ['llama', { 'llama.expert_count': u32(8) }], /^QK162 .*8 experts/],
    ['longrope', ['llama', { 'llama.rope.scaling.type': text('longrope') }], /^QK162 .*"longrope"/],
    [
      'yarn of no context',
      ['llama', { 'llama.rope.scaling.type': text('yarn'), 'llama.rope.scaling.factor': f32(4) }],
      /^QK161 .*original_context_length/,
    ],
    ['a part of a split model', ['llama', { 'split.count': u32(3) }], /^QK157 .*one of 3 parts/],
    [
      'more layers than are stored',
      ['llama', { 'llama.block_count': u32(3) }],
      /^QK157 .*no tensor "blk\.2\./,
    ],
    [
      'heads that do not divide',
      ['llama', { 'llama.attention.head_count_kv': u32(3) }],
      /^QK114 \/llama\.attention\.head_count_kv/,
    ],
  ])('refuses %s', async (_, [architecture, changes], expected) => {
    saveGguf({ metadata: smallMetadata(architecture, changes) });
    expect(await faultsOf(gguf())).toMatch(expected);
  });
});
