// The package where a launch takes several dispatches: bindings are made so small that a small model is sharded along N, and
// few tokens are several launches.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import type { Manifest } from '../../ir/manifest.ts';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture } from '../compiler/compile-fixture.ts';
import { makeSiteRun, readOutputs, type SiteRun, writeRuns } from './site-runs.ts';
import { useSmallBindings } from './small-bindings.ts';

useSmallBindings(160 * 1024);

const execute = promisify(execFile);
const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

let root: string;
let manifest: Manifest;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-web-')));
  const model = readFileSync('test/fixtures/models/ragged.json', 'utf8').replace('"out": 192', '"out": 1100');
  writeFileSync(join(root, 'model.json'), model);
  const outputFor = () => join(root, 'bundle');
  ({ manifest } = await compileFixture(join(root, 'model.json'), { target: webgpu, outputFor }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

needsDawn('a site in several dispatches', () => {
  const run = async (counts: readonly number[], change: (module: string) => string) => {
    return runAll(
      counts.map((tokens) => makeSiteRun(manifest, 'proj', tokens)),
      change,
    );
  };
  const runAll = async (runs: readonly SiteRun[], change = (module: string) => module) => {
    const folder = join(root, 'run');
    writeRuns(folder, runs);
    const web = join(root, 'bundle', 'web');
    const module = join(web, 'changed.js');
    writeFileSync(module, change(readFileSync(join(web, 'index.js'), 'utf8')));
    const dawn = found.ok ? found.value.module : '';
    await execute('node', [
      resolve('test/webgpu/consumer/main.mjs'),
      pathToFileURL(module).href,
      folder,
      dawn,
    ]);
    return runs.map((each, index) => each.judge(readOutputs(folder, index)));
  };

  test('agrees with the float64 layer', async () => {
    const kernels = manifest.kernels.filter(({ family }) => family === 'linear');
    expect(kernels.every(({ dispatches = [] }) => dispatches.length === 3)).toBe(true);
    for (const { elements, failures, worst } of await run([1, 130], (module) => module)) {
      expect([elements > 0, failures]).toEqual([true, 0]);
      expect(worst).toBeLessThanOrEqual(1);
    }
  });

  test('and a NaN is found in whichever launch its row is', async () => {
    const run = makeSiteRun(manifest, 'proj', 130);
    const { x } = run.inputs;
    new DataView(x!.buffer).setUint16(2 * (129 * 576 + 575), 0x7e00, true);
    await expect(runAll([run])).rejects.toThrow(/in row 129 of proj/);
  });

  test.each([
    ['a shard’s first block', /firstBlock: 32\b/g, 'firstBlock: 0'],
    ['a shard’s part of the weights', /\[147456, /g, '[142848, '],
    ['row of codes', /rowBytes: 288\b/g, 'rowBytes: 0'],
  ])('and not with %s that is another', async (_, right, wrong) => {
    const judged = await run([70], (module) => {
      expect(module).toMatch(right);
      return module.replace(right, wrong);
    });
    expect(judged.some(({ failures }) => failures > 0)).toBe(true);
  });
});
