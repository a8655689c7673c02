import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CalibrationFile, readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { calibrate } from '../../../compiler/commands/calibrate.ts';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { openModel } from '../../../compiler/frontend/open-model.ts';
import { modelsFolder, readReference, smollm2File } from '../../support/reference-models.ts';
import { runCommand } from '../commands/run-command.ts';

/**
 * QUIKC_CALIBRATE=tiny gathers all 128 windows of each tiny model, minutes each, as their act_absmax.safetensors was made;
 * smollm2 does the same of the model of published size.
 */
const whole = process.env['QUIKC_CALIBRATE'] ?? '';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-reference-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(path: string, tokens: string, window: number, windows: number): Promise<string> {
  const output = join(folder, 'calibration.safetensors');
  const texts = { tokens: join(modelsFolder, tokens), window: `${window}`, maxTokens: `${window * windows}` };
  const { code, err } = await runCommand((context) => calibrate(path, { ...texts, output }, context));
  expect(err).not.toContain('error');
  expect(code).toBe(0);
  return output;
}

async function open(path: string, file: string): Promise<CalibrationFile> {
  const opened = await openModel(path);
  const graph = opened.ok ? opened.value.toGraph(noOverrides) : opened;
  const read = graph.ok ? readCalibration(file, graph.value) : graph;
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
}

/**
 * The largest difference of a maximum to its reference, of all that the reference has: in parts of it, or of a thousandth of the
 * layer's largest, for what a ReLU lets through may be nothing at all.
 */
function compare(
  found: CalibrationFile,
  reference: CalibrationFile,
  parts: readonly ('absMax' | 'absMaxRest')[],
) {
  let [worst, above] = [0, 0];
  for (const [name, expected] of reference.linears) {
    for (const part of parts) {
      const floor = expected[part].reduce((a, b) => Math.max(a, b)) / 1000;
      expected[part].forEach((value, column) => {
        const maximum = found.linears.get(name)?.[part][column] ?? Number.POSITIVE_INFINITY;
        const difference = (maximum - value) / Math.max(value, floor);
        worst = Math.max(worst, Math.abs(difference));
        above = Math.max(above, difference);
      });
    }
  }
  return { worst, above };
}

// The reference is float32 throughout; 2^-24 a step over some hundred terms and four layers comes to parts in 10^5.
const tolerance = 1e-4;

describe.each(['tiny-llama', 'tiny-qwen', 'tiny-opt', 'tiny-falcon'])('%s', (family) => {
  for (const name of [`${family}-plain`, `${family}-outliers`]) {
    const path = join(modelsFolder, name);
    const there = readReference(name) !== undefined;
    const missing = there ? '' : ` (NOT RUN: no ${name} in ${modelsFolder})`;
    test.skipIf(!there || whole === 'tiny')(
      `${name}: no maximum of some tokens is above that of all${missing}`,
      async () => {
        const found = await open(path, await run(path, 'text/calib.bin', 32, 1));
        const reference = await open(path, join(path, 'act_absmax.safetensors'));
        expect(compare(found, reference, ['absMax']).above).toBeLessThan(tolerance);
        // All of the reference is there, and it is no maximum of anything that every text has.
        expect(compare(reference, found, ['absMax']).above).toBeGreaterThan(0.1);
      },
    );
    test.skipIf(!there || whole !== 'tiny')(
      `${name}: maxima of all tokens as PyTorch has them${missing}`,
      { timeout: 1_800_000 },
      async () => {
        const found = await open(path, await run(path, 'text/calib.bin', 256, 128));
        const reference = await open(path, join(path, 'act_absmax.safetensors'));
        const { worst } = compare(found, reference, ['absMax']);
        process.stdout.write(`${name}: largest difference ${worst.toExponential(2)}\n`);
        expect(worst).toBeLessThan(tolerance);
      },
    );
  }
});

describe('SmolLM2-135M-Instruct', () => {
  const name = 'smollm2-135m-instruct';
  const there = existsSync(smollm2File) && readReference(name) !== undefined;
  test.skipIf(!there || whole !== 'smollm2')(
    `maxima of all tokens, and without first ones, as PyTorch has them${there ? '' : ' (NOT RUN: node test/support/fetch-smollm2.mjs)'}`,
    { timeout: 7_200_000 },
    async () => {
      const found = await open(smollm2File, await run(smollm2File, `${name}/calib.bin`, 512, 16));
      const reference = await open(smollm2File, join(modelsFolder, name, 'act_absmax.safetensors'));
      const { worst } = compare(found, reference, ['absMax', 'absMaxRest']);
      process.stdout.write(`${name}: largest difference ${worst.toExponential(2)}\n`);
      expect(worst).toBeLessThan(10 * tolerance);
    },
  );
});
