// The package in a bundle's web/, installed by npm into another folder and used there as anybody would: no quikc in sight.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findDawn } from '../../compiler/build/find-dawn.ts';
import type { Manifest } from '../../ir/manifest.ts';
import { webgpu } from '../../targets/webgpu.ts';
import { compileFixture, onlySlices, tinyLlama } from '../compiler/compile-fixture.ts';
import { describeWith } from './describe-with.ts';
import { makeSiteRun, readOutputs, writeRuns } from './site-runs.ts';

const execute = promisify(execFile);
const found = await findDawn(process.env);
const needsDawn = describe.skipIf(!found.ok && !process.env['CI']);

function dawn(): string {
  if (!found.ok) throw new Error(`${found.error.message}; run: eval "$(node test/webgpu/set-up.mjs)"`);
  return found.value.module;
}

let root: string;
let app: string;
let manifest: Manifest;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc web ')));
  app = join(root, 'app');
  const bundle = join(root, 'bundle');
  ({ manifest } = await compileFixture(tinyLlama, { target: webgpu, outputFor: () => bundle }));
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "private": true }');
  const quiet = ['--install-links', '--offline', '--no-audit', '--no-fund', '--silent'];
  await execute('npm', ['install', ...quiet, join(bundle, 'web')], { cwd: app });
  for (const name of ['run-site.mjs', 'main.mjs', 'errors.mjs', 'out-of-memory.mjs'])
    copyFileSync(resolve('test/webgpu/consumer', name), join(app, name));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sites = ['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj'];

/** A software adapter may have to compile a dozen large shaders anew. */
const slow = { timeout: 300_000 };

needsDawn('a site, quantize and linear, agrees with the float64 layer', slow, () => {
  test.for(webgpu.variants)('in Node, by the variant $name', async ({ name, features }, { skip }) => {
    const runs = sites.flatMap((site) =>
      [1, 6, 21].map((tokens) => makeSiteRun(manifest, site, tokens, name)),
    );
    const folder = join(root, `node-${name}`);
    writeRuns(folder, runs);
    const args = ['main.mjs', 'tiny-llama.webgpu', folder, dawn(), name];
    const ran = await execute('node', args, { cwd: app }).catch((error: Error) => error);
    if (ran instanceof Error) {
      // An adapter that lacks a feature says so; that is no fault of the variant, and no proof of it.
      const [lacks] = /the feature [\w-]+ is missing/.exec(ran.message) ?? [];
      expect(lacks, ran.message).toBeDefined();
      expect(features).not.toEqual([]);
      return skip(lacks);
    }
    expect(JSON.parse(ran.stdout)).toMatchObject({ gpu: 'Dawn', variant: name });
    expect(JSON.parse(ran.stdout).supported).toContain(name);
    for (const [index, run] of runs.entries()) {
      const { elements, failures, worst } = run.judge(readOutputs(folder, index));
      expect([elements > 0, failures], `${run.site}, M = ${run.M}`).toEqual([true, 0]);
      expect(worst).toBeLessThanOrEqual(1);
    }
  });
});

needsDawn('a site whose linear adds up slices of K in a second dispatch', () => {
  test('agrees with the float64 layer too', async () => {
    const bundle = join(root, 'sliced');
    const outputFor = () => bundle;
    const sliced = await compileFixture(tinyLlama, { target: webgpu, outputFor, exclude: onlySlices });
    const runs = ['o_proj', 'down_proj'].flatMap((site) =>
      [1, 6, 37].map((tokens) => makeSiteRun(sliced.manifest, site, tokens)),
    );
    const two = sliced.manifest.kernels.filter(({ dispatches = [] }) => dispatches.length === 2);
    expect(two.length).toBeGreaterThan(3);
    const folder = join(root, 'sliced-runs');
    writeRuns(folder, runs);
    await execute('node', ['main.mjs', join(bundle, 'web', 'index.js'), folder, dawn()], { cwd: app });
    for (const [index, run] of runs.entries())
      expect(run.judge(readOutputs(folder, index)), `${run.site}, M = ${run.M}`).toMatchObject({
        failures: 0,
      });
  });
});

describeWith(['QUIKC_DENO'], 'in Deno', (deno) => {
  test('the same modules run as they are', async () => {
    const runs = ['qkv_proj', 'down_proj'].map((site) => makeSiteRun(manifest, site, 6));
    const folder = join(root, 'deno');
    writeRuns(folder, runs);
    const args = [
      'run',
      '-A',
      '--no-remote',
      '--no-check',
      'main.mjs',
      'tiny-llama.webgpu',
      folder,
      '',
      'base',
    ];
    const { stdout } = await execute(deno ?? '', args, { cwd: app });
    expect(JSON.parse(stdout)).toMatchObject({ gpu: 'navigator.gpu', variant: 'base' });
    for (const [index, run] of runs.entries())
      expect(run.judge(readOutputs(folder, index)), run.site).toMatchObject({ failures: 0 });
  });
});

/** What each mistake of consumer/errors.mjs is called, and words of what is said. */
const mistakes: readonly (readonly [string, string, RegExp])[] = [
  ['missing', 'buffer', /^o_proj\.quantize, M = 4: the buffer "x" is missing/],
  ['unknown', 'buffer', /there is no buffer "wieghts", the buffers are weights, column_meta/],
  ['small', 'buffer', /"y" has 1532 bytes, it needs 1536/],
  ['more tokens', 'buffer', /M = 5: the buffer "\w+" has \d+ bytes, it needs \d+/],
  ['usage', 'buffer', /"y" has not the usage STORAGE/],
  ['aliased', 'buffer', /"y" is written, and is also "residual"/],
  ['offset', 'buffer', /offset of "y" is no multiple of 256/],
  ['no linear', 'buffer', /buffers of the linear "o_proj" are missing/],
  ['tokens', 'tokens', /M = 1.5/],
  ['too many', 'buffer', /maxBufferSize/],
  ['read too much', 'buffer', /10000 bytes cannot be read of a buffer of 1536/],
  ['no site', 'usage', /there is no site "x_proj", the sites are qkv_proj, o_proj/],
  ['no layer', 'usage', /there is no layer "layers\/x"/],
  ['truncated', 'weights', /"weights" has 18431 bytes, expected 18432: they are truncated/],
  ['other layer', 'weights', /"weights" has 98304 bytes, expected 18432: they are of another layer/],
  ['no weights', 'weights', /"weights" is missing/],
  ['stream ends', 'weights', /"weights" ends after 18427 of 18432 bytes/],
  ['shader', 'kernel', /the kernel quik_linear_w4a4_f16_n192k192f8_\w+ does not compile: \d+:\d+ /],
  ['NaN', 'non-finite', /a NaN, an infinity, .* in row 2 of o_proj/],
  ['infinite outlier', 'non-finite', /in row 3 of o_proj/],
  ['outlier in the other half of a word', 'non-finite', /in row 2 of o_proj/],
  ['first of all', 'non-finite', /in row 0 of o_proj/],
  ['largest', 'none', /nothing/],
  ['largest outlier', 'none', /nothing/],
  ['finite again', 'none', /nothing/],
  ['NaN that nobody asks of', 'none', /nothing/],
  ['nothing to ask of', 'none', /nothing/],
  ['lost while compiling', 'device-lost', /the device is lost \(destroyed\)/],
  ['lost while waiting', 'device-lost', /the device is lost/],
  ['lost read', 'device-lost', /the device is lost/],
  ['lost encode', 'device-lost', /the device is lost/],
  ['lost buffers', 'device-lost', /the device is lost/],
  ['lost upload', 'device-lost', /the device is lost/],
  ['lost pipelines', 'device-lost', /the device is lost/],
];

needsDawn('a mistake is told by code and in words', () => {
  let said: ReadonlyMap<string, { readonly code?: string; readonly message?: string }>;
  beforeAll(async () => {
    const folder = join(app, 'node_modules', 'tiny-llama.webgpu');
    const { stdout } = await execute('node', ['errors.mjs', folder, dawn()], { cwd: app });
    const lines = stdout.trim().split('\n');
    said = new Map(lines.map((line) => JSON.parse(line)).map((line) => [line.name, line]));
  });

  test.each(mistakes)('%s', (name, code, words) => {
    expect(said.get(name)).toMatchObject({ code, message: expect.stringMatching(words) });
  });

  test('an upload stops when it is told to, and none of it goes unseen', () => {
    expect(said.get('aborted')?.message).toMatch(/abort/i);
    expect(said.get('uncaptured')).toBeUndefined();
    expect(said.has('right')).toBe(true);
  });
});

needsDawn('memory that runs out', () => {
  test('is told, by a driver that had none', async ({ skip }) => {
    const folder = join(app, 'node_modules', 'tiny-llama.webgpu');
    // Of address space, in kB: Node and Dawn take 1.5 of the 8 GB.
    const limited = ['-c', 'ulimit -v 8000000; exec node out-of-memory.mjs "$0" "$1"', folder, dawn()];
    const ended = await execute('bash', limited, { cwd: app }).catch((error: { stdout: string }) => error);
    const [adapter, told = ''] = ended.stdout.split('\n');
    // It hands out buffers that it has no memory for, and ends the process when they are used.
    if (/llvmpipe/.test(adapter ?? '')) return skip('lavapipe does not say so');
    const { code, message, kept } = JSON.parse(told);
    expect(code).toBe('out-of-memory');
    expect(message).toMatch(/^o_proj(\.o_proj)?: no memory for \d+ bytes: /);
    expect(kept).toBeGreaterThan(6);
  });
});
