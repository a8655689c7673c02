import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { importCheckpoint } from '../../../../compiler/commands/import.ts';
import { inspect } from '../../../../compiler/commands/inspect.ts';
import type { Graph } from '../../../../ir/graph.ts';
import { printGraph } from '../../../../ir/print-graph.ts';
import { cpuMilliseconds } from '../../../support/cpu-milliseconds.ts';
import { f32, text, u32 } from '../../checkpoint/write-gguf.ts';
import { runCommand } from '../../commands/run-command.ts';
import {
  llamaShapes,
  type Shapes,
  saveConfig,
  saveShards,
  saveZeros,
  smallConfig,
  smallGguf,
  smallMetadata,
} from './make-checkpoint.ts';
import { factsOf, faultsOf, graphOf } from './read-checkpoint.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc checkpoint '));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const weights = () => join(folder, 'model.safetensors');
const gguf = () => join(folder, 'small.gguf');
const saveGguf = (...changes: Parameters<typeof smallGguf>) => writeFileSync(gguf(), smallGguf(...changes));

/** A folder of the small LLaMA with changes, with weights to suit unless given. */
function saveFolder(config: object = {}, shapes: Shapes = llamaShapes()): void {
  saveConfig(folder, { ...smallConfig, ...config });
  saveZeros(weights(), shapes);
}

describe('config.json as facts', () => {
  test('LLaMA 2 in one file', async () => {
    saveFolder();
    expect(await factsOf(folder)).toMatchObject({
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
    saveConfig(folder, { ...smallConfig, ...config });
    const { facts } = await factsOf(folder);
    expect(facts).toMatchObject(expected);
    if (Object.keys(expected).length === 0) expect(facts).not.toHaveProperty('kvHeads');
  });

  test('Mistral without a window', async () => {
    saveConfig(folder, { ...smallConfig, model_type: 'mistral', sliding_window: null });
    expect((await factsOf(folder))['facts']).not.toHaveProperty('slidingWindow');
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
    const { dtype, facts } = await factsOf(folder);
    expect(dtype).toBe('bf16');
    expect(facts).toMatchObject({ tied: true, attentionBias: true });
    expect(facts).not.toHaveProperty('outputBias');
  });

  test('Qwen3: norms of heads, and heads of 128 unless it says otherwise', async () => {
    saveConfig(folder, { ...smallConfig, model_type: 'qwen3' });
    expect((await factsOf(folder))['facts']).toMatchObject({ qkNorm: true, headDim: 128 });
  });

  test('what the model is called: the folder, or the repository in the cache of the hub', async () => {
    const snapshot = join(folder, 'models--meta-llama--Llama-2-7b-hf', 'snapshots', '01c7f73d');
    mkdirSync(snapshot, { recursive: true });
    saveConfig(snapshot, smallConfig);
    expect(await factsOf(snapshot)).toMatchObject({ name: 'Llama-2-7b-hf' });
    saveConfig(folder, smallConfig);
    expect((await factsOf(folder))['name']).toMatch(/^quikc_checkpoint_/);
  });
});

test('every node points at the field of config.json that it comes from', async () => {
  saveFolder();
  const nodes = (await graphOf(folder)).blocks.flatMap((block) => block.nodes);
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

describe('GGUF', () => {
  test('has the graph of the folder that it was made from, with its own names of tensors', async () => {
    saveFolder();
    saveGguf();
    const plain = (graph: Graph) =>
      printGraph(graph)
        .replaceAll(/ +@\S*/g, '')
        .replace(/^graph \S+/, 'graph');
    const [fromFolder, fromGguf] = [await graphOf(folder), await graphOf(gguf())];
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

describe('refuses', () => {
  test.each<readonly [string, object, RegExp]>([
    ['another architecture', { model_type: 'mamba' }, /^QK120 \/model_type 5? ?.*"mamba"/],
    ['no architecture', { model_type: undefined }, /^QK120 .*missing/],
    ['another activation', { hidden_act: 'gelu' }, /^QK162 \/hidden_act \d+ .*"gelu"/],
    [
      'longrope',
      { rope_scaling: { type: 'longrope', factor: 4 } },
      /^QK162 \/rope_scaling\/type \d+ .*"longrope"/,
    ],
    [
      'yarn with scales of its own',
      { rope_scaling: { type: 'yarn', factor: 4, mscale: 2 } },
      /^QK162 \/rope_scaling\/mscale/,
    ],
    [
      'rope scaling without a factor',
      { rope_scaling: { type: 'linear' } },
      /^QK161 \/rope_scaling\/factor .*missing/,
    ],
    ['rope scaling that is a text', { rope_scaling: 'linear' }, /^QK161 \/rope_scaling \d+ .*"linear"/],
    ['a size in quotes', { hidden_size: '512' }, /^QK161 \/hidden_size \d+ .*"512"/],
    ['a size that is negative', { vocab_size: -1 }, /^QK161 \/vocab_size .*-1/],
    ['a size beyond any model', { vocab_size: 1e15 }, /^QK161 \/vocab_size/],
    [
      'several at once',
      { hidden_size: 0, vocab_size: 1.5, torch_dtype: 'int8' },
      /hidden_size[\s\S]*vocab_size[\s\S]*torch_dtype/,
    ],
    ['a missing size', { intermediate_size: undefined }, /^QK161 \/intermediate_size .*missing/],
    [
      'Qwen2 without KV heads',
      { model_type: 'qwen2', num_key_value_heads: undefined },
      /^QK161 \/num_key_value_heads/,
    ],
    [
      'a window in some layers',
      { model_type: 'qwen2', use_sliding_window: true },
      /^QK162 \/use_sliding_window/,
    ],
    ['a quantised checkpoint', { quantization_config: { quant_method: 'gptq', bits: 4 } }, /^QK163 .*"gptq"/],
    ['heads that do not divide', { num_attention_heads: 7 }, /^QK114 \/num_attention_heads \d+/],
    ['an odd head', { head_dim: 63 }, /^QK114 \/head_dim/],
    ['more layers than there are', { num_hidden_layers: 3 }, /^QK157 .*model\.layers\.2\./],
    ['another width than the weights', { intermediate_size: 2048 }, /^QK164 .*gate_proj.*\[1024, 512\]/],
    ['an epsilon of 0 in quotes', { rms_norm_eps: '0' }, /^QK161 \/rms_norm_eps/],
    ['a hostile name', { model_type: '\u001b[2J' }, /^QK120 .*u\{1b\}/],
  ])('%s', async (_, config, expected) => {
    saveFolder(config);
    expect(await faultsOf(folder)).toMatch(expected);
  });

  test('a config.json that is no object, no JSON, repeats itself, is not there', async () => {
    const save = (content: string) => writeFileSync(join(folder, 'config.json'), content);
    expect(await faultsOf(folder)).toMatch(/^QK100 .*no config\.json/);
    save('[]');
    expect(await faultsOf(folder)).toMatch(/^QK104/);
    save('{"model_type": ');
    expect(await faultsOf(folder)).toMatch(/^QK101/);
    save('{"model_type": "llama", "model_type": "opt"}');
    expect(await faultsOf(folder)).toMatch(/^QK103/);
  });

  test('a head that is neither tied nor stored', async () => {
    const { 'lm_head.weight': _head, ...shapes } = llamaShapes();
    saveFolder({}, shapes);
    expect(await faultsOf(folder)).toMatch(/^QK157 .*"lm_head\.weight"/);
  });

  test('damaged weights, with the place in their own file', async () => {
    saveConfig(folder, smallConfig);
    writeFileSync(weights(), 'not weights');
    expect(await faultsOf(folder)).toMatch(/^QK151 /);
  });

  test('a safetensors file by itself, and a path to nothing', async () => {
    saveFolder();
    expect(await faultsOf(weights())).toMatch(/^QK100 .*says nothing of how/);
    expect(await faultsOf(join(folder, 'absent'))).toMatch(/^QK100 /);
    expect(await faultsOf(join(folder, 'absent.gguf'))).toMatch(/^QK150 /);
  });
});

describe('warns', () => {
  const warningsOf = async () => {
    const { code, err } = await runCommand((context) => inspect(folder, {}, context));
    expect(code).toBe(0);
    return err;
  };

  test('of a folder without weights, by what it has instead', async () => {
    saveConfig(folder, smallConfig);
    expect(await warningsOf()).toContain('warning QK165 no weights');
    writeFileSync(join(folder, 'pytorch_model.bin'), '');
    expect(await warningsOf()).toContain('"pytorch_model.bin" holds Python objects');
  });

  test('of tensors that no node reads, but not of buffers that are harmless', async () => {
    saveFolder({}, { ...llamaShapes(), 'model.layers.0.self_attn.rotary_emb.inv_freq': [32] });
    expect(await warningsOf()).not.toContain('QK166');
    saveFolder({}, { ...llamaShapes(), 'model.layers.0.self_attn.q_norm.weight': [64], extra: [1] });
    expect(await warningsOf()).toMatch(
      /QK166[\s\S]*"model\.layers\.0\.self_attn\.q_norm\.weight" and 1 more/,
    );
  });
});

describe('quikc import', () => {
  const run = (path: string, output: string) =>
    runCommand((context) => importCheckpoint(path, { output }, context));

  test('writes what compiles to the same graph, with weights relative to the file', async () => {
    const checkpoint = join(folder, 'llama');
    mkdirSync(checkpoint);
    saveConfig(checkpoint, smallConfig);
    saveShards(checkpoint, llamaShapes(), 3);
    const output = join(folder, 'model.json');
    expect(await run(checkpoint, output)).toMatchObject({ code: 0, out: `${output}: written\n` });
    const { weights: named } = JSON.parse(readFileSync(output, 'utf8')) as Record<string, unknown>;
    const shards = [1, 2, 3].map((shard) => `llama/model-0000${shard}-of-00003.safetensors`);
    expect(named).toEqual({ files: shards });
    const plain = (graph: Graph) => printGraph(graph).replaceAll(/ +@\S*/g, '');
    expect(plain(await graphOf(output))).toBe(plain(await graphOf(checkpoint)));
    expect((await run(checkpoint, output)).code).toBe(0);
  });

  test('leaves another file alone, and names no weights that it cannot reach', async () => {
    saveFolder();
    const output = join(folder, 'model.json');
    writeFileSync(output, '{}');
    expect((await run(folder, output)).err).toContain('error QK167');
    expect(readFileSync(output, 'utf8')).toBe('{}');
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    const { code, err } = await run(folder, join(elsewhere, 'model.json'));
    expect(code).toBe(0);
    expect(err).toContain('warning QK168');
    expect(readFileSync(join(elsewhere, 'model.json'), 'utf8')).not.toContain('weights');
    expect((await run(folder, join(folder, 'absent', 'model.json'))).err).toContain('error QK167');
  });

  test('refuses what is no checkpoint', async () => {
    expect((await run('test/fixtures/models/tiny-llama.json', 'x.json')).err).toContain('error QK100');
  });
});

test('LLaMA-3.1-405B: facts and the headers of 191 shards, 810 GB by their sizes, in under a second', async () => {
  const size = { hidden: 16_384, ffn: 53_248, layers: 126, q: 16_384, kv: 1024, vocab: 128_256 };
  saveConfig(folder, {
    ...smallConfig,
    hidden_size: size.hidden,
    intermediate_size: size.ffn,
    num_hidden_layers: size.layers,
    num_attention_heads: 128,
    num_key_value_heads: 8,
    vocab_size: size.vocab,
  });
  saveShards(folder, llamaShapes(size), 191);
  const started = cpuMilliseconds();
  const { facts, weights: named } = await factsOf(folder);
  const spent = cpuMilliseconds() - started;
  expect(facts).toMatchObject({ hidden: 16_384, layers: 126 });
  expect((named as { files: string[] }).files).toHaveLength(191);
  expect(spent).toBeLessThan(1000);
});
