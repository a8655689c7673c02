import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readFloats } from '../../../../compiler/checkpoint/read-floats.ts';
import { evaluate } from '../../../../compiler/commands/eval.ts';
import { importCheckpoint } from '../../../../compiler/commands/import.ts';
import { inspect } from '../../../../compiler/commands/inspect.ts';
import { noOverrides } from '../../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../../compiler/load-graph.ts';
import { loadWeightedModel } from '../../../../compiler/load-weighted-model.ts';
import { loadEvaluation } from '../../../../compiler/open-evaluation/load-evaluation.ts';
import { newSession } from '../../../../compiler/reference/float-model/float-model.ts';
import { runCommand } from '../../commands/run-command.ts';
import { openFloatModel } from '../../reference/float-model/open-float-model.ts';
import { faultsOf } from './read-checkpoint.ts';
import { useCheckpointFolder } from './use-checkpoint-folder.ts';

const models = 'test/fixtures/checkpoints/quantised';
const methods = ['gptq', 'awq', 'compressed-tensors'] as const;
const { folder, saveFolder } = useCheckpointFolder();

interface Reference {
  readonly ids: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

function referenceOf(method: string): Reference {
  return JSON.parse(readFileSync(join(models, method, 'logits.json'), 'utf8')) as Reference;
}

/** All weights of a model by name, as a command reads them. */
async function weightsOf(path: string): Promise<ReadonlyMap<string, Float32Array>> {
  const loaded = await loadWeightedModel(path, noOverrides);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
  return new Map(
    [...loaded.value.tensors].map(([name, tensor]) => {
      const read = readFloats(tensor);
      if (!read.ok) throw new Error(read.error.message);
      return [name, read.value];
    }),
  );
}

describe.each(methods)('%s', (method) => {
  const path = join(models, method);

  // The bound of variants.test.ts, where it is derived.
  test('logits as transformers has them of the weights that the library dequantised', async () => {
    const model = await openFloatModel(path);
    const { ids, logits } = referenceOf(method);
    const out = model.forward(ids, newSession());
    if (!out.ok) throw new Error(JSON.stringify(out.error));
    const expected = logits.flat();
    const worst = Math.max(...[...out.value.data].map((value, i) => Math.abs(value - expected[i]!)));
    expect(expected).toHaveLength(out.value.data.length);
    expect(worst).toBeLessThan(1e-4);
  });

  test('has a graph without a warning, and every tensor is read', async () => {
    const overrides = { ...noOverrides, outliers: '4' };
    const loaded = await loadGraph({ file: path, overrides });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
    expect(loaded.value.warnings.map(({ code }) => code)).toEqual(['QK140']);
    const shown = await runCommand((context) => inspect(path, { outliers: '4' }, context));
    expect(shown.code).toBe(0);
  });

  test('the same weights through its model.json, wherever that lies, and for eval', async () => {
    cpSync(path, join(folder(), 'model'), { recursive: true });
    const output = join(folder(), 'model.json');
    const written = await runCommand((context) =>
      importCheckpoint(join(folder(), 'model'), { output }, context),
    );
    expect([written.code, written.err]).toEqual([0, '']);
    const weights = await weightsOf(path);
    expect(await weightsOf(output)).toEqual(weights);
    const loaded = await loadEvaluation({ file: output, overrides: { ...noOverrides, outliers: '0' } });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    const tensor = 'model.layers.{layer}.mlp.down_proj.weight';
    const read = loaded.value.float?.read({ tensor }, 0);
    expect(read).toEqual({ ok: true, value: weights.get('model.layers.0.mlp.down_proj.weight') });
  });

  test('eval --on float', async () => {
    const tokens = join(folder(), 'tokens.bin');
    writeFileSync(tokens, Uint16Array.from(referenceOf(method).ids));
    const options = { on: 'float', tokens, threads: '1', outliers: '0', json: true };
    const { code, out, err } = await runCommand((context) =>
      evaluate(path, options, context, new URL('file:///nowhere.js')),
    );
    expect([code, err]).toEqual([0, '']);
    const { results } = JSON.parse(out) as { readonly results: readonly { readonly mean: number }[] };
    const { ids, logits } = referenceOf(method);
    const losses = ids.slice(1).map((id, i) => {
      const row = logits[i]!;
      const top = Math.max(...row);
      return top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0)) - row[id]!;
    });
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    // Logits are within 1e-4, so a loss is within twice that.
    expect(Math.abs(results[0]!.mean - mean)).toBeLessThan(2e-4);
  });
});

test('quantize_config.json, as auto-gptq had it beside a config.json that says nothing', async () => {
  cpSync(join(models, 'gptq'), folder(), { recursive: true });
  const file = join(folder(), 'config.json');
  const { quantization_config: moved, ...config } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly quantization_config: Readonly<Record<string, unknown>>;
  };
  writeFileSync(file, JSON.stringify(config));
  const missing = await loadWeightedModel(folder(), noOverrides);
  expect(missing.ok ? '' : missing.error[0]?.message).toContain('"model.layers.0.self_attn.q_proj.weight"');
  const { quant_method: _method, checkpoint_format: _format, ...old } = moved;
  writeFileSync(join(folder(), 'quantize_config.json'), JSON.stringify(old));
  expect(await weightsOf(folder())).toEqual(await weightsOf(join(models, 'gptq')));
  writeFileSync(join(folder(), 'quantize_config.json'), JSON.stringify({ ...old, bits: 5 }));
  expect(await faultsOf(folder())).toMatch(/^QK163 \/bits 1 .*codes of 5 bits/);
});

test('a field that lies is told with a warning', async () => {
  cpSync(join(models, 'gptq'), folder(), { recursive: true });
  const file = join(folder(), 'config.json');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('"checkpoint_format": "gptq"', '"format": "gptq_v2"'),
  );
  const shown = await runCommand((context) => inspect(folder(), { outliers: '4' }, context));
  expect(shown.code).toBe(0);
  expect(shown.err).toMatch(
    /warning QK198[\s\S]*zero points are stored as "gptq" has them, not as "gptq_v2" does/,
  );
  expect(await weightsOf(folder())).toEqual(await weightsOf(join(models, 'gptq')));
});

const group = (weights: object, more: object = {}) => ({
  quant_method: 'compressed-tensors',
  format: 'pack-quantized',
  config_groups: {
    group_0: { weights: { num_bits: 4, type: 'int', strategy: 'channel', ...weights }, ...more },
  },
});

test.each<readonly [string, object, RegExp]>([
  [
    'another method',
    { quant_method: 'bitsandbytes' },
    /^QK163 \/quantization_config\/quant_method \d+ .*quantised by "bitsandbytes"$/,
  ],
  ['no method', { bits: 4 }, /^QK163 .*"some method"/],
  ['fp8', { quant_method: 'fp8' }, /^QK163 .*"fp8"/],
  ['GPTQ of 5 bits', { quant_method: 'gptq', bits: 5 }, /^QK163 \/quantization_config\/bits .*5 bits/],
  ['GPTQ of no bits', { quant_method: 'gptq' }, /^QK161 \/quantization_config\/bits .*missing/],
  ['GPTQ in groups of 0', { quant_method: 'gptq', bits: 4, group_size: 0 }, /^QK161 .*"group_size" is 0/],
  ['GPTQ in planes', { quant_method: 'gptq', bits: 4, checkpoint_format: 'gptq_p' }, /^QK163 .*"gptq_p"/],
  ['GPTQ for Marlin', { quant_method: 'gptq', bits: 4, is_marlin_format: true }, /^QK163 .*Marlin/],
  ['AWQ for vectors', { quant_method: 'awq', bits: 4, version: 'gemv' }, /^QK163 .*"gemv"/],
  ['AWQ of 8 bits', { quant_method: 'awq', w_bit: 8 }, /^QK163 \/quantization_config\/w_bit .*8 bits/],
  [
    'floats',
    group({ num_bits: 8, type: 'float' }, { format: 'float-quantized' }),
    /^QK163 .*group_0\/format .*"float-quantized"/,
  ],
  ['floats by another name', { ...group({ type: 'float' }), format: 'naive-quantized' }, /^QK163 .*"float"/],
  ['blocks', group({ strategy: 'block' }), /^QK163 .*weights\/strategy .*"block"/],
  ['codes of 16 bits', group({ num_bits: 16 }), /^QK163 .*16 bits/],
  ['groups of no size', group({ strategy: 'group' }), /^QK161 .*group_size.*missing/],
  [
    'sparse weights',
    { ...group({}), sparsity_config: { format: 'sparse-24-bitmask' } },
    /^QK163 .*"sparse-24-bitmask"/,
  ],
])('refuses %s', async (_, quantization_config, expected) => {
  saveFolder({ quantization_config });
  expect(await faultsOf(folder())).toMatch(expected);
});

test('weights that are no codes are read as they are, whatever the config says', async () => {
  saveFolder({
    quantization_config: { quant_method: 'awq', bits: 4, group_size: 128, modules_to_not_convert: null },
  });
  const loaded = await loadGraph({ file: folder(), overrides: { ...noOverrides, outliers: '4' } });
  expect(loaded.ok).toBe(true);
});
