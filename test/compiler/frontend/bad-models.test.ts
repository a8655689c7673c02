import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { inspect } from '../../../compiler/commands/inspect.ts';
import { cpuMilliseconds } from '../../support/cpu-milliseconds.ts';
import { runCommand } from '../commands/run-command.ts';

const folder = 'test/fixtures/bad-models';
const fixtures = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();

describe('a bad model is refused in words that are reviewed', () => {
  test.each(fixtures)('%s', async (name) => {
    const { code, out, err } = await runCommand((context) => inspect(join(folder, name), {}, context));
    await expect(err).toMatchFileSnapshot(
      join('../../fixtures/bad-models/expected', `${basename(name, '.json')}.txt`),
    );
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(/^error QK[12][0-9][0-9] /);
    expect(err).toContain(join(folder, name));
    expect(err).toContain('\n  hint ');
  });

  test('no expected text is left of a fixture that is gone', async () => {
    const expectedTexts = await readdir(join(folder, 'expected'));
    expect(expectedTexts.map((name) => `${basename(name, '.txt')}.json`).sort()).toEqual(fixtures);
  });

  test('JSON for machines has the same faults, located', async () => {
    const file = join(folder, 'several-at-once.json');
    const { code, out, err } = await runCommand((context) => inspect(file, { json: true }, context));
    expect(code).toBe(1);
    expect(err).toBe('');
    const { diagnostics } = JSON.parse(out) as { diagnostics: readonly Record<string, unknown>[] };
    expect(diagnostics).toHaveLength(8);
    expect(diagnostics[0]).toMatchObject({
      code: 'QK111',
      severity: 'error',
      file,
      pointer: '/quikc',
      line: 2,
      column: 12,
    });
  });
});

describe('files that are made here, because they are large', async () => {
  const made = await mkdtemp(join(tmpdir(), 'quikc-bad-models-'));
  afterAll(() => rm(made, { recursive: true }));

  async function refuse(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(join(made, name), content);
    const started = cpuMilliseconds();
    const { code, err } = await runCommand((context) => inspect(join(made, name), {}, context));
    expect(code).toBe(1);
    // Generous: these take well under a second; what is guarded against is quadratic work.
    expect(cpuMilliseconds() - started).toBeLessThan(5000);
    expect(err.length).toBeLessThan(8000);
    return err.replaceAll(made, '');
  }

  test('10 MB of random bytes', async () => {
    const bytes = new Uint8Array(10 * 1024 * 1024);
    let state = 1;
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      bytes[i] = state >>> 24;
    }
    expect(await refuse('garbage.json', bytes)).toContain('error QK101');
  });

  test.each([
    ['letters', 'x'.repeat(10_000_000), 'QK101'],
    ['an open string', `{"quikc": "${'a"b'.charAt(0).repeat(10_000_000)}`, 'QK101'],
    ['a name', JSON.stringify({ quikc: 1, name: 'a'.repeat(10_000_000) }), 'QK107'],
    ['an unknown key', JSON.stringify({ quikc: 1, name: 'm', ['k'.repeat(10_000_000)]: 1 }), 'QK105'],
    ['brackets', '['.repeat(10_000_000), 'QK102'],
    [
      'unknown fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, i]))),
      'QK105',
    ],
    [
      'wrong columns',
      `{"quikc":1,"name":"m","architecture":"llama","outliers":{"columns":[${'-1,'.repeat(2_000_000)}-1]},
      "facts":{"hidden":64,"layers":2,"heads":2,"ffn":64,"vocab":8,"rmsNormEps":0}}`,
      'QK112',
    ],
  ])('10 MB of %s', async (name, content, code) => {
    expect(await refuse(`${name.replaceAll(' ', '-')}.json`, content)).toContain(`error ${code}`);
  });

  test('a file beyond the limit is not read', async () => {
    expect(await refuse('huge.json', new Uint8Array(64 * 1024 * 1024 + 1))).toContain('error QK102');
  });

  test('no file, a folder', async () => {
    for (const path of ['absent.json', '.']) {
      const { code, err } = await runCommand((context) => inspect(join(made, path), {}, context));
      expect(code).toBe(1);
      expect(err).toContain('error QK100');
    }
  });
});
