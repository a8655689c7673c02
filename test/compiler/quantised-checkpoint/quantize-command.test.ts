import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { calibrate } from '../../../compiler/commands/calibrate.ts';
import { quantize } from '../../../compiler/commands/quantize.ts';
import type { QuantizeOptions } from '../../../compiler/commands/quantize-options.ts';
import { wantedLinears } from '../../../compiler/evaluate/linear-operands.ts';
import { oneThread } from '../../../compiler/linear-algebra/threads.ts';
import { loadWeightedModel } from '../../../compiler/load-weighted-model.ts';
import { loadEvaluation } from '../../../compiler/open-evaluation/load-evaluation.ts';
import { performQuantise } from '../../../compiler/quantise/perform-quantise.ts';
import { quantiseCheckpoint } from '../../../compiler/quantised-checkpoint/quantise-checkpoint.ts';
import type { QuantisedLinear } from '../../../compiler/reference/quantised-linear.ts';
import { repetitions } from '../../../ir/graph.ts';
import { runCommand } from '../commands/run-command.ts';

const llama = 'test/fixtures/calibration/llama';
const falcon = 'test/fixtures/calibration/falcon';
const overrides = { layer: ['*.{down_proj,dense_4h_to_h}=quik-8b,outliers=6'], outliers: '4' };

let folder = '';
let output = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-quantize-'));
  output = join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// With one thread none is started.
const worker = new URL('file:///no-such-worker.js');
const given = (path: string) => ({ tokens: join(path, 'tokens.bin'), window: '8', threads: '1' });
const run = (path: string, options: Partial<QuantizeOptions> = given(path)) =>
  runCommand((context) => quantize(path, { output, ...overrides, ...options }, context, worker));
const weights = (place = output) => readFileSync(join(place, 'weights.safetensors'));

/** Every linear of a quantised checkpoint, by name, as `quikc eval` reads it. */
async function readAll(place = output): Promise<ReadonlyMap<string, QuantisedLinear>> {
  const loaded = await loadEvaluation({ file: join(place, 'model.json'), overrides: { layers: [] } });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  expect(loaded.value.float).toBeUndefined();
  const found = new Map<string, QuantisedLinear>();
  for (const block of loaded.value.graph.blocks) {
    const first = block.repeat?.first ?? 0;
    for (let layer = first; layer < first + repetitions(block); layer++)
      for (const node of block.nodes)
        if (node.op === 'quik-linear')
          for (const wanted of wantedLinears(block, layer, node)) {
            const linear = loaded.value.weights.linear(wanted);
            if (!linear.ok) throw new Error(linear.error.message);
            found.set(wanted.name, linear.value);
          }
  }
  return found;
}

describe.each([
  ['llama', llama],
  ['falcon', falcon],
])('%s', (_name, path) => {
  test('is quantised with the columns of the largest inputs, and can be read', async () => {
    expect(await run(path)).toMatchObject({ code: 0, err: '' });
    expect(readdirSync(folder)).toEqual(['out']);
    const statistics = join(folder, 'statistics.safetensors');
    const { code } = await runCommand((context) =>
      calibrate(path, { tokens: join(path, 'tokens.bin'), window: '8', output: statistics }, context),
    );
    expect(code).toBe(0);
    const model = await loadWeightedModel(path, { layers: [] });
    const read = model.ok ? readCalibration(statistics, model.value.graph) : model;
    if (!read.ok) throw new Error(JSON.stringify(read.error));
    const all = await readAll();
    expect(all.size).toBeGreaterThan(8);
    for (const [name, { outlierColumns, bits }] of all) {
      const score = read.value.linears.get(name)!.absMax;
      const kept = [...outlierColumns].map((column) => score[column]!);
      const others = [...score].filter((_, column) => !outlierColumns.includes(column));
      expect(Math.min(...kept), name).toBeGreaterThanOrEqual(Math.max(...others));
      expect([outlierColumns.length, bits]).toEqual(/down_proj|4h_to_h/.test(name) ? [6, 8] : [4, 4]);
    }
  });
});

test('statistics of a file give the bytes that the model itself gives', async () => {
  const statistics = join(folder, 'statistics.safetensors');
  const tokens = join(llama, 'tokens.bin');
  await runCommand((context) =>
    calibrate(llama, { tokens, window: '8', grams: true, output: statistics }, context),
  );
  expect((await run(llama)).code).toBe(0);
  const other = join(folder, 'other');
  const { code, err } = await run(llama, { calibration: statistics, threads: '1', output: other });
  expect([code, err]).toEqual([0, '']);
  expect(weights(other).equals(weights())).toBe(true);
  expect(readFileSync(join(other, 'model.json'), 'utf8')).toBe(
    readFileSync(join(output, 'model.json'), 'utf8'),
  );
});

test.each([false, true])(
  'ended after any layer, it goes on to the same bytes; propagating: %s',
  async (propagate) => {
    expect((await run(llama, { ...given(llama), propagate })).code).toBe(0);
    const loaded = await loadWeightedModel(llama, { layers: overrides.layer, outliers: overrides.outliers });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    const ids = new Uint16Array(Uint8Array.from(readFileSync(join(llama, 'tokens.bin'))).buffer);
    const tokens = { window: 8, count: Math.floor(ids.length / 8), ids: Uint32Array.from(ids).slice(0, 24) };
    const place = join(folder, 'ended');
    const partial = `${place}.quikc-partial`;
    const layersDone = () =>
      existsSync(partial) ? readdirSync(partial).filter((name) => name.startsWith('layer-')).length : 0;
    const seen = new Set<number>();
    for (let ends = 0; !existsSync(place); ends++) {
      const controller = new AbortController();
      const before = layersDone();
      await quantiseCheckpoint({
        ...{ path: llama, model: loaded.value, output: place, overrides: {} },
        source: { kind: 'walk', tokens },
        method: { method: 'gptq', damping: 0.01, order: 'score', score: 'all', propagate, threshold: 0 },
        threads: { ...oneThread(performQuantise), close: () => Promise.resolve() },
        signal: controller.signal,
        // As soon as there is a file more than there was.
        onFraction: () => {
          if (layersDone() > before) controller.abort();
        },
      }).catch(() => {});
      seen.add(layersDone());
      expect(ends).toBeLessThan(20);
    }
    expect(seen.size).toBeGreaterThan(1);
    expect(existsSync(partial)).toBe(false);
    expect(weights(place).equals(weights())).toBe(true);
  },
);

test('linears that read one value and keep different columns have a factor each', async () => {
  const mixed = { ...given(llama), layer: ['*.v_proj=quik-8b,outliers=0', '*.up_proj=quik-8b,outliers=6'] };
  expect(await run(llama, mixed)).toMatchObject({ code: 0, err: '' });
  const found = await readAll();
  // Alone, with columns of its own in every linear beside it, each comes to the same.
  for (const [layer, name] of [
    [['*=quik-8b,outliers=0'], 'self_attn.v_proj'],
    [['*=quik-8b,outliers=6'], 'mlp.up_proj'],
    [[], 'self_attn.q_proj'],
    [[], 'mlp.gate_proj'],
  ] as const) {
    const alone = join(folder, 'alone');
    expect((await run(llama, { ...given(llama), layer: [...layer], output: alone })).code).toBe(0);
    const wanted = await readAll(alone);
    for (const at of [0, 1])
      expect(found.get(`layers.${at}.${name}`), name).toEqual(wanted.get(`layers.${at}.${name}`));
  }
});

test('GPTQ, pruned: two of four neighbours are 0 in every row', async () => {
  expect((await run(llama, { ...given(llama), sparsity: '2:4' })).code).toBe(0);
  for (const [name, { codes, k, outlierColumns }] of await readAll()) {
    const base = Array.from({ length: k }, (_, column) => column).filter(
      (column) => !outlierColumns.includes(column),
    );
    for (let row = 0; row < codes.length / k; row++)
      for (let at = 0; at + 4 <= base.length; at += 4) {
        const zeros = base.slice(at, at + 4).filter((column) => codes[row * k + column] === 0);
        expect(zeros.length, `${name} ${row} ${at}`).toBeGreaterThanOrEqual(2);
      }
  }
});

describe('what is refused', () => {
  test('another folder at the output, and it stays', async () => {
    mkdirSync(output);
    writeFileSync(join(output, 'mine.txt'), 'mine');
    const { code, err } = await run(llama);
    expect([code, err]).toEqual([1, expect.stringContaining('QK184')]);
    expect(readdirSync(output)).toEqual(['mine.txt']);
  });

  test('a file more in an earlier output', async () => {
    expect((await run(llama)).code).toBe(0);
    writeFileSync(join(output, 'notes.txt'), 'mine');
    expect((await run(llama)).err).toContain('QK184');
    rmSync(join(output, 'notes.txt'));
    expect((await run(llama)).code).toBe(0);
  });

  test('GPTQ without the products that it needs', async () => {
    const statistics = join(folder, 'statistics.safetensors');
    const tokens = join(llama, 'tokens.bin');
    await runCommand((context) => calibrate(llama, { tokens, window: '8', output: statistics }, context));
    const asked = { calibration: statistics, threads: '1' };
    expect(await run(llama, asked)).toMatchObject({ code: 1, err: expect.stringContaining('--grams') });
    expect(existsSync(output)).toBe(false);
    expect((await run(llama, { ...asked, method: 'rtn' })).code).toBe(0);
  });

  test.each<[string, Partial<QuantizeOptions>, number, RegExp]>([
    ['no statistics', {}, 2, /QK186[\s\S]*outlier columns/],
    ['two of them', { tokens: 'a', text: 'b' }, 2, /QK186/],
    ['an unknown method', { ...given(llama), method: 'awq' }, 2, /"awq"[\s\S]*gptq, rtn/],
    ['an unknown order', { ...given(llama), order: 'random' }, 2, /score, natural, act-order/],
    ['damping that is no number', { ...given(llama), damping: '-1' }, 2, /--damping "-1"/],
    ['a pattern that is none', { ...given(llama), sparsity: '3:4' }, 2, /"3:4"/],
    ['pruning while rounding', { ...given(llama), sparsity: '2:4', method: 'rtn' }, 2, /gptq, which prunes/],
    ['a window of a file', { calibration: 'a', window: '8' }, 2, /taken as they are/],
    ['no threads', { ...given(llama), threads: '0' }, 2, /--threads "0"/],
    ['no scheme', { ...given(llama), scheme: 'f16', layer: [] }, 1, /QK187/],
    ['more outliers than columns', { ...given(llama), outliers: '9999' }, 1, /QK203/],
  ])('%s', async (_name, options, code, words) => {
    const ended = await run(llama, options);
    expect([ended.code, ended.err]).toEqual([code, expect.stringMatching(words)]);
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });
});
