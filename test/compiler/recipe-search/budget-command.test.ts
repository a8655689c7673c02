import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { calibrate } from '../../../compiler/commands/calibrate.ts';
import { evaluate } from '../../../compiler/commands/eval.ts';
import type { BudgetReport } from '../../../compiler/commands/format-frontier.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import { noPool } from '../../../compiler/evaluate/evaluate-pool.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import { loadWeightedModel } from '../../../compiler/load-weighted-model.ts';
import { performQuantise } from '../../../compiler/quantise/perform-quantise.ts';
import { quantiseWithinBudget } from '../../../compiler/recipe-search/quantise-within-budget.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { runCommand } from '../commands/run-command.ts';

const llama = 'test/fixtures/calibration/llama';
const tokens = join(llama, 'tokens.bin');
const worker = new URL('file:///no-such-worker.js');

let statisticsFolder = '';
let statistics = '';
beforeAll(async () => {
  statisticsFolder = mkdtempSync(join(tmpdir(), 'quikc-budget-'));
  statistics = join(statisticsFolder, 'statistics.safetensors');
  await runCommand((context) =>
    calibrate(llama, { tokens, window: '8', grams: true, threads: '1', output: statistics }, context),
  );
});
afterAll(() => rmSync(statisticsFolder, { recursive: true, force: true }));

let folder = '';
let output = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-budget-'));
  output = join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (options: Partial<QuantizeOptions> = {}) =>
  runCommand((context) =>
    quantize(
      llama,
      {
        // A random model: which columns it keeps decides in which budgets there are recipes.
        ...{ output, calibration: statistics, threads: '1', json: true, score: 'rest' },
        ...{ pplBudget: '1.02', evalTokens: tokens, evalWindow: '8', minimise: 'size' },
        ...options,
      },
      context,
      worker,
    ),
  );

test('the checkpoint has the perplexity that was measured, within the budget, and bits of both widths', async () => {
  const { code, out, err } = await run({ pplBudget: '1.003' });
  expect([code, err]).toEqual([0, '']);
  expect(readdirSync(folder)).toEqual(['out']);
  const report = JSON.parse(out) as BudgetReport;
  const chosen = report.frontier.find((row) => row.chosen)!;
  expect(chosen.perplexity! / report.floatPerplexity).toBeLessThanOrEqual(1.003);
  expect(new Set(report.groups.map(({ bits }) => bits))).toEqual(new Set([4, 8]));

  const evaluated = await runCommand((context) =>
    evaluate(
      join(output, 'model.json'),
      { tokens, window: '8', maxTokens: '24', against: llama, threads: '1', json: true },
      context,
      worker,
    ),
  );
  const { results } = JSON.parse(evaluated.out) as { results: { place: string; perplexity: number }[] };
  const [float, oracle] = results.map(({ perplexity }) => perplexity);
  expect(float! / report.floatPerplexity).toBeCloseTo(1, 9);
  expect(oracle! / chosen.perplexity!).toBeCloseTo(1, 9);

  // Without outlier columns, bits are those of the file that was written.
  const weights = readFileSync(join(output, 'weights.safetensors'));
  const header = JSON.parse(weights.subarray(8, 8 + Number(weights.readBigUInt64LE(0))).toString()) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  let [bits, count] = [0, 0];
  for (const [name, { shape, data_offsets: offsets }] of Object.entries(header)) {
    if (!/\.(codes|scales|reduced)$/.test(name)) continue;
    const [from, to] = offsets;
    bits += 8 * (to - from);
    if (name.endsWith('.codes')) {
      const linear = report.groups.find(({ linears }) => linears.includes(name.slice(0, -6)))!;
      count += shape[0]! * (shape[1]! * (linear.bits === 4 ? 2 : 1));
    }
  }
  expect(chosen.bits).toBeCloseTo(bits / count, 9);
});

test('a larger budget is never dearer, and the text says what was chosen', async () => {
  const strict = JSON.parse((await run({ pplBudget: '1.003' })).out) as BudgetReport;
  const { code, out } = await run({ pplBudget: '1.5', json: false });
  expect(code).toBe(0);
  // 4 bits, scales and sums: all that is cheapest.
  const lax = /([\d.]+) +[\d.]+ us +chosen/.exec(out)?.[1];
  expect(Number(lax)).toBeLessThan(strict.frontier.find((row) => row.chosen)!.bits);
  expect(out).toMatch(/layers\.\*\.mlp\.down_proj +w4 f0: 2/);
});

test('ended early at any time, it goes on from there and comes to the same bytes', async () => {
  expect((await run()).code).toBe(0);
  const weights = readFileSync(join(output, 'weights.safetensors'));
  const model = await loadWeightedModel(llama, { outliers: '0', layers: [] });
  const calibration = model.ok ? readCalibration(statistics, model.value.graph) : model;
  if (!model.ok || !calibration.ok) throw new Error('the fixture loads');
  const ids = Uint32Array.from(new Uint16Array(Uint8Array.from(readFileSync(tokens)).buffer)).slice(0, 24);
  const place = join(folder, 'ended');
  const stages = new Set<string>();
  let ends = 0;
  for (; !existsSync(place); ends++) {
    expect(ends).toBeLessThan(40);
    const controller = new AbortController();
    let calls = 0;
    await quantiseWithinBudget({
      ...{ path: llama, model: model.value, calibration: calibration.value, output: place, clip: true },
      ...{ text: { window: 8, count: 3, ids }, budget: 1.02, target: sm80, rows: 2048 },
      ...{ objective: 'size', most: 8, pool: noPool, signal: controller.signal },
      method: {
        method: 'gptq',
        damping: 0.01,
        order: 'score',
        score: 'rest',
        propagate: false,
        threshold: 0,
      },
      threads: { ...oneThread(performQuantise), close: () => Promise.resolve() },
      onStage: (stage) => {
        if (++calls < 4 + ends) return;
        stages.add(stage);
        controller.abort();
      },
    }).catch((cause: unknown) => expect((cause as Error).name).toBe('AbortError'));
    expect(existsSync(place) || existsSync(`${place}.quikc-partial`)).toBe(true);
  }
  expect(stages.size).toBeGreaterThan(1);
  expect(readdirSync(folder).sort()).toEqual(['ended', 'out']);
  expect(readFileSync(join(place, 'weights.safetensors')).equals(weights)).toBe(true);
});

test('where no recipe will do, nothing is written but what can be taken up', async () => {
  const { code, out } = await run({ pplBudget: '1.000000001', evalMaxTokens: '16' });
  expect([code, out]).toEqual([1, expect.stringContaining('QK188')]);
  expect(readdirSync(folder)).toEqual(['out.quikc-partial']);
});

test.each<[string, { [K in keyof QuantizeOptions]?: QuantizeOptions[K] | undefined }, RegExp]>([
  ['a factor that allows nothing', { pplBudget: '1' }, /--ppl-budget \\"1\\"/],
  ['no number', { pplBudget: '5%' }, /5%/],
  ['no text', { evalTokens: undefined }, /--eval-tokens and --eval-text/],
  ['two texts', { evalText: 'a' }, /--eval-tokens and --eval-text/],
  ['no calibration', { calibration: undefined, tokens }, /--calibration/],
  ['a count of columns', { outliers: '4' }, /--outliers/],
  ['pruning', { sparsity: '2:4' }, /prunes/],
  ['another objective', { minimise: 'cost' }, /time, size/],
  ['no rows', { rows: '0' }, /--rows/],
  ['an unknown target', { target: 'sm70' }, /QK302/],
  ['options of a budget without one', { pplBudget: undefined }, /--(eval-tokens|minimise)/],
])('usage: %s', async (_name, options, words) => {
  const { code, out } = await run(options as Partial<QuantizeOptions>);
  expect([code, out]).toEqual([2, expect.stringMatching(words)]);
  expect(readdirSync(folder)).toEqual([]);
});
