import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspect } from '../../../../compiler/commands/inspect.ts';
import { runCommand } from '../../commands/run-command.ts';
import { llamaShapes, saveConfig, smallConfig } from './make-checkpoint.ts';
import { faultsOf } from './read-checkpoint.ts';
import { useCheckpointFolder } from './use-checkpoint-folder.ts';

const { folder, saveFolder, weights } = useCheckpointFolder();

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
    ['heads that do not divide', { num_attention_heads: 7 }, /^QK114 \/num_attention_heads \d+/],
    ['an odd head', { head_dim: 63 }, /^QK114 \/head_dim/],
    ['more layers than there are', { num_hidden_layers: 3 }, /^QK157 .*model\.layers\.2\./],
    ['another width than the weights', { intermediate_size: 2048 }, /^QK164 .*gate_proj.*\[1024, 512\]/],
    ['an epsilon of 0 in quotes', { rms_norm_eps: '0' }, /^QK161 \/rms_norm_eps/],
    ['a hostile name', { model_type: '\u001b[2J' }, /^QK120 .*u\{1b\}/],
  ])('%s', async (_, config, expected) => {
    saveFolder(config);
    expect(await faultsOf(folder())).toMatch(expected);
  });

  test('a config.json that is no object, no JSON, repeats itself, is not there', async () => {
    const save = (content: string) => writeFileSync(join(folder(), 'config.json'), content);
    expect(await faultsOf(folder())).toMatch(/^QK100 .*no config\.json/);
    save('[]');
    expect(await faultsOf(folder())).toMatch(/^QK104/);
    save('{"model_type": ');
    expect(await faultsOf(folder())).toMatch(/^QK101/);
    save('{"model_type": "llama", "model_type": "opt"}');
    expect(await faultsOf(folder())).toMatch(/^QK103/);
  });

  test('a head that is neither tied nor stored', async () => {
    const { 'lm_head.weight': _head, ...shapes } = llamaShapes();
    saveFolder({}, shapes);
    expect(await faultsOf(folder())).toMatch(/^QK157 .*"lm_head\.weight"/);
  });

  test('damaged weights, with the place in their own file', async () => {
    saveConfig(folder(), smallConfig);
    writeFileSync(weights(), 'not weights');
    expect(await faultsOf(folder())).toMatch(/^QK151 /);
  });

  test('a safetensors file by itself, and a path to nothing', async () => {
    saveFolder();
    expect(await faultsOf(weights())).toMatch(/^QK100 .*says nothing of how/);
    expect(await faultsOf(join(folder(), 'absent'))).toMatch(/^QK100 /);
    expect(await faultsOf(join(folder(), 'absent.gguf'))).toMatch(/^QK150 /);
  });
});

describe('warns', () => {
  const warningsOf = async () => {
    const { code, err } = await runCommand((context) => inspect(folder(), {}, context));
    expect(code).toBe(0);
    return err;
  };

  test('of a folder without weights, by what it has instead', async () => {
    saveConfig(folder(), smallConfig);
    expect(await warningsOf()).toContain('warning QK165 no weights');
    writeFileSync(join(folder(), 'pytorch_model.bin'), '');
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
