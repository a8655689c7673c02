import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadGrams, readCalibration } from '../../../compiler/calibrate/read-calibration.ts';
import { type CalibrateOptions, calibrate } from '../../../compiler/commands/calibrate.ts';
import { importCheckpoint } from '../../../compiler/commands/import.ts';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { openModel } from '../../../compiler/frontend/open-model.ts';
import type { Calibration } from '../../../compiler/reference/calibration.ts';
import { runCommand } from '../commands/run-command.ts';

const fixtures = 'test/fixtures/calibration';

let folder = '';
let output = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quikc-calibrate-'));
  output = join(folder, 'out', 'calibration.safetensors');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (path: string, options: Partial<CalibrateOptions>) =>
  runCommand((context) => calibrate(path, { output, ...options }, context));

async function open(path: string, file: string): Promise<Calibration> {
  const opened = await openModel(path);
  const graph = opened.ok ? opened.value.toGraph(noOverrides) : opened;
  const read = graph.ok ? readCalibration(file, graph.value) : graph;
  const whole = read.ok ? loadGrams(read.value) : read;
  if (!whole.ok) throw new Error(JSON.stringify(whole.error));
  return whole.value;
}

/** The largest difference between two files, beside the largest value of each linear. */
function difference(found: Calibration, expected: Calibration): number {
  expect([...found.linears.keys()]).toEqual([...expected.linears.keys()]);
  expect([found.tokens, found.window]).toEqual([expected.tokens, expected.window]);
  let worst = 0;
  for (const [name, statistics] of expected.linears) {
    for (const part of ['absMax', 'absMaxRest', 'gram'] as const) {
      const [mine, theirs] = [found.linears.get(name)?.[part], statistics[part]];
      expect(mine?.length).toBe(theirs?.length);
      const largest = Math.max(...(theirs ?? []));
      theirs?.forEach((value, index) => {
        worst = Math.max(worst, Math.abs((mine?.[index] ?? Number.NaN) - value) / largest);
      });
    }
  }
  return worst;
}

describe.each(['llama', 'falcon'])('%s', (name) => {
  const path = join(fixtures, name);
  const given = { tokens: join(path, 'tokens.bin'), window: '8', grams: true };

  test('what transformers gathers, and one file whatever the model is named by', async () => {
    expect(await run(path, given)).toMatchObject({ code: 0, err: '' });
    const theirs = await open(path, join(path, 'calibration.safetensors'));
    // float32 in three layers, beside float64: measured 4e-7.
    expect(difference(await open(path, output), theirs)).toBeLessThan(3e-6);
    expect(readdirSync(join(folder, 'out'))).toEqual(['calibration.safetensors']);

    const copy = join(folder, name);
    cpSync(path, copy, { recursive: true });
    const model = join(copy, 'model.json');
    expect((await runCommand((context) => importCheckpoint(copy, { output: model }, context))).code).toBe(0);
    const before = readFileSync(output);
    const again = await run(model, { ...given, json: true });
    expect(JSON.parse(again.out)).toMatchObject({ model: name, tokens: 24, window: 8, diagnostics: [] });
    expect(Buffer.compare(readFileSync(output), before)).toBe(0);
  });

  const python = process.env['QUIKC_TORCH_PYTHON'] ?? '';
  const missing =
    python === '' ? ' (NOT RUN: QUIKC_TORCH_PYTHON names no Python with torch and transformers)' : '';
  test.skipIf(python === '')(
    `calibrate_transformers.py makes the committed file${missing}`,
    { timeout: 300_000 },
    async () => {
      const script = resolve('compiler/calibrate/calibrate_transformers.py');
      const ask = (...args: readonly string[]) => {
        const { status, stderr } = spawnSync(python, [script, ...args], { encoding: 'utf8', cwd: folder });
        expect(stderr).not.toContain('Traceback');
        return { status, stderr };
      };
      const theirs = join(folder, 'theirs.safetensors');
      const tokens = resolve(given.tokens);
      expect(ask(resolve(path), '--tokens', tokens, '--window', '8', '--grams', '-o', theirs).status).toBe(0);
      const committed = await open(path, join(path, 'calibration.safetensors'));
      expect(difference(await open(path, theirs), committed)).toBeLessThan(3e-6);
      expect(ask(resolve(path), '--tokens', tokens, '--window', '99', '-o', theirs)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('no whole window of 99'),
      });

      const scales = [...committed.linears].map(([layer, { absMax }]) => [layer, [...absMax]] as const);
      writeFileSync(join(folder, 'scales.json'), JSON.stringify(Object.fromEntries(scales)));
      const save =
        "import json, torch; torch.save({n: torch.tensor(v) for n, v in json.load(open('scales.json')).items()}, 's.pt')";
      expect(spawnSync(python, ['-c', save], { cwd: folder }).status).toBe(0);
      expect(ask('--act-scales', 's.pt', '-o', 's.safetensors').status).toBe(0);
      const { linears } = await open(path, join(folder, 's.safetensors'));
      for (const [layer, { absMax }] of committed.linears) expect(linears.get(layer)?.absMax).toEqual(absMax);
    },
  );
});

const llama = join(fixtures, 'llama');
const tokens = join(llama, 'tokens.bin');

test('a text, by the tokenizer of the model; the window is its context where none is given', async () => {
  const copy = join(folder, 'llama');
  cpSync(llama, copy, { recursive: true });
  const letters = [...'abcdefghijklmnopqrstuvwxyz .,!?\n'];
  const model = { type: 'BPE', vocab: Object.fromEntries(letters.map((c, i) => [c, i])), merges: [] };
  const definition = {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    decoder: null,
  };
  writeFileSync(join(copy, 'tokenizer.json'), JSON.stringify({ ...definition, post_processor: null, model }));
  const text = 'the quick brown fox jumps over the lazy dog. '.repeat(4);
  writeFileSync(join(folder, 'text.txt'), text);
  const { code, out, err } = await run(copy, { text: join(folder, 'text.txt') });
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('15 linears, 128 tokens in windows of 64');
  const ids = Uint16Array.from(text, (letter) => letters.indexOf(letter));
  writeFileSync(join(folder, 'ids.bin'), ids);
  const bytes = readFileSync(output);
  expect((await run(copy, { tokens: join(folder, 'ids.bin'), quiet: true })).out).toBe('');
  expect(Buffer.compare(readFileSync(output), bytes)).toBe(0);
  expect((await run(copy, { tokens: join(folder, 'ids.bin'), maxTokens: '100' })).out).toContain(
    ' 64 tokens',
  );
});

test('scales are converted, without weights', async () => {
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  copyFileSync(join(llama, 'config.json'), join(bare, 'config.json'));
  const { code, out } = await run(bare, { actScales: join(llama, 'calibration.safetensors') });
  expect([code, out]).toEqual([0, `${output}: 15 linears, 24 tokens in windows of 8\n`]);
  expect((await open(llama, output)).linears.get('lm_head')?.absMax.length).toBe(16);
});

test('Ctrl-C leaves nothing', async () => {
  const running = run(llama, { tokens, window: '8' });
  process.emit('SIGINT');
  expect(await running).toMatchObject({ code: 130, err: 'calibrate was interrupted: nothing was written\n' });
  expect(readdirSync(join(folder, 'out'))).toEqual([]);
});

describe('refuses', () => {
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const cases: readonly (readonly [string, () => Partial<CalibrateOptions>, number, RegExp])[] = [
    ['no tokens', () => ({}), 2, /QK178/],
    ['tokens and a text', () => ({ tokens, text: tokens }), 2, /QK178/],
    ['a window of none', () => ({ tokens, window: '0' }), 2, /QK178[\s\S]*--window "0"/],
    ['a window that is no number', () => ({ tokens, window: '1e3' }), 2, /QK178/],
    ['threads of none', () => ({ tokens, threads: '0' }), 2, /QK178/],
    ['products of scales', () => ({ actScales: tokens, grams: true }), 2, /QK178/],
    ['a file that is not there', () => ({ tokens: 'absent.bin' }), 1, /QK150/],
    ['a folder of tokens', () => ({ tokens: llama }), 1, /QK150/],
    [
      'an odd number of bytes',
      () => ({ tokens: file('odd', Uint8Array.of(1, 0, 2)) }),
      1,
      /QK172[\s\S]*3 bytes/,
    ],
    ['an empty file', () => ({ tokens: file('empty', new Uint8Array(0)) }), 1, /QK172[\s\S]*no tokens/],
    ['fewer tokens than a window', () => ({ tokens, window: '30' }), 1, /QK172[\s\S]*29 tokens/],
    ['no room for a window', () => ({ tokens, window: '8', maxTokens: '7' }), 1, /QK172[\s\S]*7 tokens/],
    [
      'a token that the model does not have',
      () => ({ tokens: file('ids', Uint8Array.of(1, 0, 32, 0)), window: '2' }),
      1,
      /QK172[\s\S]*token 1 is 32, where the model has 32/,
    ],
    ['a window beyond the context', () => ({ tokens, window: '65' }), 1, /QK173[\s\S]*takes 64/],
    ['a text without a tokenizer', () => ({ text: 'README.md' }), 1, /QK169/],
    ['a text that is none', () => ({ text: file('x', Uint8Array.of(0xff)) }), 1, /QK172[\s\S]*UTF-8/],
    ['scales that are none', () => ({ actScales: tokens }), 1, /QK15[18]/],
    ['scales that are weights', () => ({ actScales: join(llama, 'model.safetensors') }), 1, /QK17[56]/],
    ['another file in its place', () => ({ tokens, output: join(llama, 'model.safetensors') }), 1, /QK171/],
    [
      'a place that is none',
      () => ({ tokens, window: '8', output: join(file('plain', new Uint8Array(1)), 'x') }),
      1,
      /QK171/,
    ],
  ];
  test.each(cases)('%s', async (_, options, code, expected) => {
    const refused = await run(llama, options());
    expect(refused.err).toMatch(expected);
    expect([refused.code, refused.out]).toEqual([code, '']);
    expect(readdirSync(folder)).not.toContain('out');
  });

  test('models that cannot be computed', async () => {
    const bare = join(folder, 'bare');
    mkdirSync(bare);
    copyFileSync(join(llama, 'config.json'), join(bare, 'config.json'));
    expect((await run(bare, { tokens })).err).toContain('QK174');
    expect((await run('examples/llama-2-7b/model.json', { tokens })).err).toMatch(/QK1(50|74)/);
    expect((await run('test/fixtures/models/ragged.json', { tokens })).err).toContain('QK174');
    copyFileSync(join(fixtures, 'falcon', 'model.safetensors'), join(bare, 'model.safetensors'));
    expect((await run(bare, { tokens })).err).toContain('QK157');
    expect((await run('absent', { tokens })).err).toContain('QK100');
  });
});
