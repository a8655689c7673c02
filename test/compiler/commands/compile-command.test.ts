import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CompileOptions, compile } from '../../../compiler/commands/compile.ts';
import { explain } from '../../../compiler/commands/explain.ts';
import { showBuildProgress } from '../../../compiler/commands/show-build-progress.ts';
import { targets } from '../../../compiler/commands/targets.ts';
import { readBundle } from '../../../compiler/package/read-bundle.ts';
import { llama7b, tinyLlama } from '../compile-fixture.ts';
import { runCommand } from './run-command.ts';

let root: string;
let output: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc compile test ')));
  output = join(root, 'bundle');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Where no compiler is: an empty cache, an empty PATH. */
const bare = () => ({ QUIKC_CACHE: join(root, 'cache'), PATH: '', CUDA_HOME: '' });

function run(file: string, options: Partial<CompileOptions> = {}) {
  return runCommand((context) =>
    compile(file, { target: 'sm80', output, build: false, ...options }, { ...context, env: bare() }),
  );
}

test('--no-build writes sources and manifest, says so, and ends well', async () => {
  const { code, out, err } = await run(tinyLlama);
  expect(code).toBe(0);
  expect(out).toContain('sources only, not built');
  expect(out).toContain('executed on: not yet; run quikc verify');
  expect(out).toMatch(/outlier columns: placeholders in \d+ of \d+ layers, .*down_proj/);
  expect(out).toContain(`bundle: ${output}`);
  expect(err).toContain('QK140');
  const read = readBundle(output);
  expect(read.ok && read.value.manifest.built).toBe(false);
  expect(readdirSync(join(output, 'kernels')).every((name) => name.endsWith('.cu'))).toBe(true);
});

test('the summary is aligned, with a row for every kernel and range of M', async () => {
  const { out } = await run(tinyLlama);
  const [heading = '', ...rows] = out.split('\n\n')[0]!.split('\n');
  const read = readBundle(output);
  const ranges = read.ok ? read.value.manifest.kernels.flatMap((kernel) => kernel.explain) : [];
  expect(rows.length).toBeGreaterThanOrEqual(ranges.length);
  const end = heading.indexOf('roofline') + 'roofline'.length;
  for (const row of rows) expect(row.length, row).toBe(end);
});

test('the total counts each launch of the model once, at the M of large prompts', async () => {
  const { out } = await runCommand((context) =>
    compile(llama7b, { target: 'sm80', output, build: false }, { ...context, env: bare() }),
  );
  const read = readBundle(output);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  const { sites, kernels } = read.value.manifest;
  const launches = sites.flatMap(({ buckets }) => buckets.at(-1)!.launches);
  expect(launches).toHaveLength(8); // 4 sites of a quantize and a linear each, in each of 32 blocks
  const large = launches.map(
    ({ kernel }) => kernels.find(({ id }) => id === kernel)!.explain.find(({ to }) => to === undefined)!,
  );
  const milliseconds = (32 * large.reduce((sum, { report }) => sum + report.chosen.microseconds, 0)) / 1000;
  expect(out).toContain(
    `modelled on A100-SXM4-80GB, never measured: ${milliseconds.toFixed(2)} ms for the 256 launches of the model at M = 2048\n`,
  );
});

test('without nvcc sources are written all the same: one clear error, exit 3', async () => {
  const { code, err } = await run(tinyLlama, { build: true });
  expect(code).toBe(3);
  expect(err.match(/^error/gm)).toHaveLength(1);
  expect(err).toMatch(/no nvcc|nvcc/);
  expect(readBundle(output).ok).toBe(true);
});

test('for webgpu the same: shaders are written, and without Dawn nobody has checked them', async () => {
  const unchecked = await run(tinyLlama, { target: 'webgpu', build: true });
  expect(unchecked.code).toBe(3);
  expect(unchecked.err).toContain('QK604');
  const read = readBundle(output);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  expect(read.value.manifest).toMatchObject({ built: false, target: { dialect: 'wgsl', id: 'webgpu' } });
  expect(readdirSync(join(output, 'web', 'kernels')).every((name) => name.endsWith('.wgsl'))).toBe(true);
  const { out } = await runCommand((context) =>
    explain(output, 'quik_quantize_silumul_a8_f16_k512f16_t256_webgpu', {}, context),
  );
  expect(out).toMatch(/workgroup +\d+ invocations, [\d,]+ bytes of memory/);
  expect(out).toMatch(/variants +scalar, base/);
});

test('an nvcc that is there and does not work ends the compile, and what was at the output stays', async () => {
  await run(tinyLlama);
  const before = readFileSync(join(output, 'SHA256SUMS'), 'utf8');
  const nvcc = join(root, 'nvcc');
  for (const body of ['exit 1', 'echo hello', 'kill -9 $$']) {
    writeFileSync(nvcc, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    writeFileSync(join(root, 'ptxas'), '', { mode: 0o755 });
    const { code, err } = await run(tinyLlama, { build: true, nvcc, outliers: '16' });
    expect([code, err.match(/QK\d+/g)]).toEqual([3, ['QK602']]);
  }
  expect(readFileSync(join(output, 'SHA256SUMS'), 'utf8')).toBe(before);
});

test('--json is one document, with what there is to say of the result in it', async () => {
  const codes = (out: string) => JSON.parse(out).diagnostics.map(({ code }: { code: string }) => code);
  const unbuilt = await run(tinyLlama, { build: true, json: true });
  expect([unbuilt.code, unbuilt.err, codes(unbuilt.out)]).toEqual([3, '', ['QK140', 'QK601']]);
  expect(JSON.parse(unbuilt.out)).toMatchObject({ bundle: output, manifest: { built: false } });
  const warned = await run(tinyLlama, { json: true });
  expect([warned.code, warned.err, codes(warned.out)]).toEqual([0, '', ['QK140']]);
  const quiet = await run(tinyLlama, { json: true, quiet: true });
  expect([quiet.code, quiet.err, codes(quiet.out)]).toEqual([0, '', []]);
});

test('--json is the manifest, --quiet is silence', async () => {
  const json = await run(tinyLlama, { json: true });
  expect(JSON.parse(json.out)).toMatchObject({ bundle: output, reused: false, manifest: { abi: 1 } });
  const quiet = await run(tinyLlama, { quiet: true });
  expect([quiet.out, quiet.err]).toEqual(['', '']);
});

test('a bad model or target leaves an earlier bundle untouched', async () => {
  await run(tinyLlama);
  const before = readFileSync(join(output, 'SHA256SUMS'), 'utf8');
  const bad = join(root, 'model.json');
  writeFileSync(bad, '{"quikc": 1, "name": "x"}');
  expect((await run(bad)).code).toBe(1);
  expect((await run(tinyLlama, { target: 'sm8' })).code).toBe(2);
  expect(readFileSync(join(output, 'SHA256SUMS'), 'utf8')).toBe(before);
});

test('an output that is no bundle is refused and left alone', async () => {
  const { code, err } = await run(tinyLlama, { output: root });
  expect(code).toBe(0); // empty: taken
  writeFileSync(join(root, 'thesis.tex'), '');
  const refused = await run(tinyLlama, { output: root });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('QK550');
  expect(err).not.toContain('QK550');
  expect(readdirSync(root)).toContain('thesis.tex');
});

test('explain lists kernels, and tells of one by a beginning or ending of its id', async () => {
  await run(tinyLlama);
  const explained = (name?: string, json = false) =>
    runCommand((context) => explain(output, name, { json }, context));
  const list = await explained();
  const ids = list.out.match(/^quik_\S+/gm) ?? [];
  const linear = ids.find((id) => id.includes('linear') && id.includes('_t'))!;
  const { code, out } = await explained(linear.slice(-8));
  expect(code).toBe(0);
  expect(out).toContain(linear);
  expect(out.match(/^ *\d+ {2}t\d+x\d+x\d+B .* us /gm)!.length).toBeGreaterThanOrEqual(9);
  expect(out).toContain('*modelled*');
  for (const part of ['registers', 'shared memory', 'occupancy', 'outliers cost', 'rejected', 'tensor cores'])
    expect(out).toContain(part);
  expect(JSON.parse((await explained(linear, true)).out)).toMatchObject({ id: linear });
  const ambiguous = await explained('quik_linear');
  expect(ambiguous.code).toBe(2);
  expect(ambiguous.err).toMatch(/fits \d+ kernels/);
  expect((await explained('quik_nothing')).err).toContain('has no kernel');
});

test('explain refuses an altered bundle by digest', async () => {
  await run(tinyLlama);
  writeFileSync(join(output, 'manifest.json'), '{}');
  const { code, err } = await runCommand((context) => explain(output, undefined, {}, context));
  expect(code).toBe(1);
  expect(err).toContain('QK561');
});

test('targets tells what has kernels where, and what is nearest', async () => {
  const { code, out } = await runCommand((context) => targets({}, context));
  expect(code).toBe(0);
  expect(out).toMatch(/w4a4 +f16 +yes/);
  expect(out).toMatch(/w4a8 +f16 +no .*nearest: w8a8/);
});

test('progress shows after two seconds, on a terminal only, with the time that is left', async () => {
  let time = 0;
  const { err } = await runCommand(async (context) => {
    const progress = showBuildProgress({}, context, true, () => time);
    const report = (outcome: 'cached' | 'built', done: number) =>
      progress.onProgress({ id: 'k', outcome, done, total: 10 });
    report('built', 1);
    time = 4000;
    report('cached', 2);
    report('built', 3);
    progress.clear();
    const silent = showBuildProgress({}, context, false, () => time);
    time = 9000;
    silent.onProgress({ id: 'k', outcome: 'built', done: 1, total: 2 });
    return 0;
  });
  const shown = err.split('\r\u001b[K').filter((text) => text !== '');
  expect(shown).toEqual([
    'building kernels: 2 of 10, about 32 s left',
    'building kernels: 3 of 10, about 14 s left',
  ]);
});
