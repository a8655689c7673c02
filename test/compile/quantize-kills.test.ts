// SIGKILL at any moment of `quikc quantize`: the same command goes on, and comes to the same bytes.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { random32, streamKey } from '../../compiler/reference/random.ts';
import { modelsFolder } from '../support/reference-models.ts';

/** A model that takes seconds where the reference models are, else one of a fixture. */
const reference = join(modelsFolder, 'tiny-llama-outliers');
const given = existsSync(reference)
  ? [reference, '--tokens', join(modelsFolder, 'text', 'calib.bin'), '--max-tokens', '8192']
  : [
      'test/fixtures/calibration/llama',
      '--tokens',
      'test/fixtures/calibration/llama/tokens.bin',
      '--window',
      '8',
    ];
const kills = Number(process.env['QUIKC_KILLS'] ?? 4);
const root = mkdtempSync(join(tmpdir(), 'quikc-kills-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs to its end, or until it is killed after so many milliseconds. True where it ended by itself. */
function run(output: string, limit?: number): Promise<boolean> {
  const child = spawn(
    process.execPath,
    ['dist/cli.js', 'quantize', ...given, '--outliers', '4', '--threads', '2', '-o', output, '--quiet'],
    { stdio: 'inherit' },
  );
  const timer = limit === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limit);
  return new Promise((done, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal === null && code !== 0) reject(new Error(`quantize ended with ${code}`));
      else done(signal === null);
    });
  });
}

const read = (folder: string) =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));

test(`${kills} times`, { timeout: 600_000 }, async () => {
  const whole = join(root, 'whole');
  const started = performance.now();
  expect(await run(whole)).toBe(true);
  const length = performance.now() - started;
  const expected = read(whole);
  const key = streamKey(Date.now() % 2 ** 31, 1);
  for (let index = 0; index < kills; index++) {
    const output = resolve(root, `killed-${index}`);
    // Twice one after the other, for a second call is killed as easily as the first.
    for (const again of [0, 1]) {
      const moment = (random32(key, 2 * index + again) / 2 ** 32) * length;
      if (await run(output, moment)) break;
      // It is there as a whole, or not at all.
      if (existsSync(output)) expect(read(output), `after ${moment.toFixed(0)} ms`).toEqual(expected);
    }
    expect(await run(output)).toBe(true);
    expect(read(output), `kill ${index}`).toEqual(expected);
    rmSync(output, { recursive: true });
  }
  // Scratch folders of dead processes are swept after an hour; nothing else is left.
  expect(readdirSync(root).filter((name) => !name.startsWith('quikc-'))).toEqual(['whole']);
});
