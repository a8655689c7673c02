// Reference models with planted outlier channels: which columns are chosen, and what quantising costs.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { calibrate } from '../../../compiler/commands/calibrate.ts';
import { type EvalOptions, evaluate } from '../../../compiler/commands/eval.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import { loadWeightedModel } from '../../../compiler/load-weighted-model.ts';
import { chooseOutlierColumns } from '../../../compiler/quantise/choose-outlier-columns.ts';
import { modelsFolder, readReference } from '../../support/reference-models.ts';
import { runCommand } from '../commands/run-command.ts';

/** By the name of the linears that put back what the MLP widened; the last is how far QUIK-4B may be from the float model. */
const models = [
  ['tiny-llama-outliers', '*.down_proj', 1.03],
  ['tiny-qwen-outliers', '*.down_proj', 1.03],
  ['tiny-falcon-outliers', '*.dense_4h_to_h', 1.03],
  ['tiny-opt-outliers', '*.fc2', 1.05],
] as const;
const absent = existsSync(modelsFolder) ? '' : ` (NOT RUN: no models in ${modelsFolder})`;
const here = models.filter(([name]) => existsSync(join(modelsFolder, name)));

describe.skipIf(absent !== '')(`planted channels${absent}`, () => {
  test.each(here)('%s: eight columns have all of them', async (name) => {
    const path = join(modelsFolder, name);
    const model = await loadWeightedModel(path, { layers: [], outliers: '8' });
    const scales = join(path, 'act_absmax.safetensors');
    const read = model.ok ? readCalibration(scales, model.value.graph) : model;
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const planted = Object.entries(readReference(name)?.planted?.columns ?? {});
    expect(planted.length).toBeGreaterThan(8);
    for (const [tensor, columns] of planted) {
      const linear = tensor
        .replace(/^(model\.decoder\.|model\.|transformer\.)/, '')
        .replace('query_key_value', 'q_proj');
      const chosen = chooseOutlierColumns(read.value.linears.get(linear)!.absMax, 8);
      expect([...chosen], tensor).toEqual(expect.arrayContaining([...columns]));
    }
  });
});

/** QUIKC_ACCURACY=1: minutes for each model, which is calibrated and evaluated on all of its texts. */
const asked = process.env['QUIKC_ACCURACY'] === '1';
const slow = asked ? '' : ' (NOT RUN: QUIKC_ACCURACY=1 asks for it)';
const root = mkdtempSync(join(tmpdir(), 'quikc-accuracy-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const worker = new URL('file:///no-such-worker.js');

describe.skipIf(!asked || absent !== '')(`orderings of QUIK's tables${slow}`, { timeout: 3_600_000 }, () => {
  test.each(here)('%s', async (name, down, most) => {
    const path = join(modelsFolder, name);
    const text = (file: string) => ({
      tokens: join(modelsFolder, 'text', file),
      window: '256',
      threads: '1',
    });
    const measure = async (file: string, options: Partial<EvalOptions>): Promise<number> => {
      const asJson = { ...text('eval.bin'), ...options, json: true };
      const { code, out } = await runCommand((context) => evaluate(file, asJson, context, worker));
      expect(code, out).toBe(0);
      return JSON.parse(out).results[0].perplexity;
    };
    const statistics = join(root, `${name}.safetensors`);
    await runCommand((context) =>
      calibrate(path, { ...text('calib.bin'), grams: true, output: statistics }, context),
    );
    const recipe = async (outliers: string, options: Partial<QuantizeOptions> = {}): Promise<number> => {
      const output = join(root, name);
      const all = { calibration: statistics, threads: '1', outliers, output, ...options };
      const { code, err } = await runCommand((context) => quantize(path, all, context, worker));
      expect(code, err).toBe(0);
      return measure(output, { on: 'oracle' });
    };
    const wide = { layer: [`${down}=quik-8b`] };
    const float = await measure(path, { on: 'float', scheme: 'f16' });
    const plain = await recipe('0', { method: 'rtn', clip: false });
    const rounded = await recipe('8', { method: 'rtn', clip: false });
    const wideDown = await recipe('8', { method: 'rtn', clip: false, ...wide });
    const clipped = await recipe('8', { method: 'rtn', ...wide });
    const quik4b = await recipe('8', wide);
    const sparse = await recipe('8', { ...wide, sparsity: '2:4' });
    const quik8b = await recipe('8', { scheme: 'quik-8b', method: 'rtn' });
    const found = { float, plain, rounded, wideDown, clipped, quik4b, sparse, quik8b };
    process.stdout.write(`${name} ${JSON.stringify(found)}\n`);
    // Outlier columns repair what rounding loses; 8-bit down helps, then clipping, then GPTQ; pruning all of it costs most.
    expect(plain / float).toBeGreaterThan(15);
    expect([rounded, wideDown, clipped, quik4b]).toEqual(
      [rounded, wideDown, clipped, quik4b].toSorted((a, b) => b - a),
    );
    expect(sparse).toBeGreaterThan(rounded);
    expect(quik4b / float).toBeLessThanOrEqual(most);
    expect(quik8b / float).toBeLessThan(1.005);
  });
});
