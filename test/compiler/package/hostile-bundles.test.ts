// Bundles that somebody altered and sealed again. That is no boundary of security, but what cannot be used has to be
// refused as QK564, never crash.
import { execFileSync, spawn } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { verifyTasks } from '../../../compiler/commands/verify-tasks.ts';
import { readBundle } from '../../../compiler/package/read-bundle.ts';
import { formatSums, sumsFile } from '../../../compiler/package/sums.ts';
import { checkOutput, writeBundle } from '../../../compiler/package/write-bundle.ts';
import type { Manifest, ManifestKernel } from '../../../ir/manifest.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const { manifest: original, files } = await compileFixture(tinyLlama);

let root: string;
let folder: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc hostile test ')));
  folder = join(root, 'bundle');
  writeBundle(folder, files);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function seal(): void {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const plain = paths.filter((path) => statSync(join(folder, path)).isFile());
  const sums = formatSums(new Map(plain.map((path) => [path, readFileSync(join(folder, path))])));
  writeFileSync(join(folder, sumsFile), sums);
}

function sealManifest(text: string): void {
  writeFileSync(join(folder, 'manifest.json'), text);
  seal();
}

/** `code pointer` of each refusal; of reading, else of what verify makes of the bundle. */
function refusals(): readonly string[] {
  const read = readBundle(folder);
  if (!read.ok) return read.error.map(({ code, pointer }) => `${code} ${pointer}`);
  const tasks = verifyTasks(read.value, {}, { seed: 1 });
  return tasks.ok ? [] : [`${tasks.error.code} ${tasks.error.pointer ?? ''}`];
}

test('as it was written, a bundle lacks nothing but its build', () => {
  expect(refusals()).toEqual(['QK702 ']);
});

const linear = original.kernels.findIndex(({ spec }) => spec.schedule.kind === 'tiled');
const splitK = original.kernels.findIndex(({ workspace }) => workspace !== undefined);
const quantize = original.kernels.findIndex(({ family }) => family === 'quantize');
type Change = (kernel: ManifestKernel) => object;

describe('a kernel', () => {
  test.each<[string, number, Change]>([
    ['launch/grid/0', linear, () => ({ launch: { grid: [{ const: 0 }, { const: 1 }, { const: 1 }] } })],
    ['launch/grid/1', linear, () => ({ launch: { grid: [{ const: 1 }, { const: -4 }, { const: 1 }] } })],
    ['launch/grid/2', linear, () => ({ launch: { grid: [{ const: 1 }, { const: 1 }, { const: 2 ** 16 }] } })],
    [
      'launch/grid/0',
      linear,
      () => ({ launch: { grid: [{ ceilDiv: [{ M: true }, { const: 0 }] }, { const: 1 }, { const: 1 }] } }),
    ],
    ['launch/block/0', linear, () => ({ launch: { block: [0, 1, 1] } })],
    ['launch/block', linear, () => ({ launch: { block: [1024, 1024, 1] } })],
    ['launch/dynamicSharedBytes', linear, () => ({ launch: { dynamicSharedBytes: 2 ** 31 } })],
    ['launch', linear, () => ({ launch: { dynamicSharedBytes: 16 } })],
    ['launch', linear, () => ({ launch: { grid: [{ const: 1 }, { const: 1 }, { const: 1 }] } })],
    ['arguments', linear, () => ({ arguments: [] })],
    ['arguments', linear, (kernel) => ({ arguments: [...kernel.arguments, kernel.arguments[0]] })],
    ['arguments', linear, (kernel) => ({ arguments: kernel.arguments.map((a) => ({ ...a, name: 'x' })) })],
    ['arguments', quantize, (kernel) => ({ arguments: [...kernel.arguments].reverse() })],
    ['workspace', splitK, () => ({ workspace: undefined })],
    ['explain', linear, () => ({ explain: [] })],
    ['explain/0/to', linear, ({ explain }) => ({ explain: [{ ...explain[0], from: 9, to: 8 }] })],
    ['family', linear, () => ({ family: 'quantize' })],
    ['spec/problem/k', linear, ({ spec }) => ({ spec: problem(spec, { k: 0 }) })],
    ['spec/problem/n', linear, ({ spec }) => ({ spec: problem(spec, { n: -1 }) })],
    ['spec/problem/outliers', linear, ({ spec }) => ({ spec: problem(spec, { outliers: 10_000 }) })],
    ['spec', linear, ({ spec }) => ({ spec: problem(spec, { k: 2 ** 31 }) })],
    ['spec', linear, ({ spec }) => ({ spec: problem(spec, { n: Number.MAX_SAFE_INTEGER }) })],
    ['spec', quantize, ({ spec }) => ({ spec: problem(spec, { k: 2 ** 31 }) })],
    ['spec', linear, ({ spec }) => ({ spec: { ...spec, schedule: { ...spec.schedule, tileN: 1000 } } })],
    [
      'spec',
      quantize,
      ({ spec }) => ({ spec: { ...spec, schedule: { kind: 'row', threads: 3, ctasPerSm: 1 } } }),
    ],
  ])('with a wrong %s (case %#)', (pointer, index, change) => {
    const kernel = original.kernels[index]!;
    const changed = change(kernel) as { readonly launch?: object };
    const launch = { ...kernel.launch, ...changed.launch };
    const kernels = original.kernels.map((each) =>
      each === kernel ? { ...each, ...changed, launch } : each,
    );
    sealManifest(JSON.stringify({ ...original, kernels }));
    expect(refusals()).toContain(`QK564 /kernels/${index}/${pointer}`);
  });

  function problem(spec: ManifestKernel['spec'], change: object): object {
    return { ...spec, problem: { ...spec.problem, ...change } };
  }
});

describe('a manifest', () => {
  const forge = (change: (manifest: Manifest) => object) =>
    sealManifest(JSON.stringify({ ...original, ...change(original) }));

  test('of a target in another language', () => {
    forge(({ target }) => ({ target: { ...target, id: 'webgpu' } }));
    expect(refusals()).toContain('QK564 /target/dialect');
  });

  test('with a formula that nobody knows', () => {
    const { launch, ...kernel } = original.kernels[0]!;
    const grid = [{ sqrt: { M: true } }, ...launch!.grid.slice(1)];
    forge(() => ({ kernels: [{ ...kernel, launch: { ...launch, grid } }] }));
    expect(refusals()[0]).toBe('QK564 /kernels/0/launch/grid/0');
  });

  test('with a formula too deep for any stack', () => {
    const deep = `${'{"add":['.repeat(100_000)}{"const":1}${']}'.repeat(100_000)}`;
    const text = JSON.stringify({ ...original, plan: { ...original.plan, peakBytes: 'DEEP' } });
    sealManifest(text.replace('"DEEP"', deep));
    expect(refusals()).toEqual(['QK564 ']);
  });

  test('whose bucket launches a kernel that is not there, or one of another problem', () => {
    forge(({ kernels }) => ({ kernels: kernels.slice(1) }));
    expect(refusals()).toContain('QK564 /sites/0/buckets/0/launches/0/kernel');
    forge(({ kernels }) => ({
      kernels: [{ ...kernels[0], problemHash: '0'.repeat(64) }, ...kernels.slice(1)],
    }));
    expect(refusals()).toContain('QK564 /sites/0/buckets/0/launches/0/problem');
  });

  test('whose bucket ends before it starts', () => {
    forge(({ sites: [site, ...rest] }) => ({
      sites: [{ ...site, buckets: site!.buckets.map((bucket) => ({ ...bucket, from: 9, to: 8 })) }, ...rest],
    }));
    expect(refusals()).toContain('QK564 /sites/0/buckets/0/to');
  });

  test('without sites, or with the wrong ones for a kernel', () => {
    forge(() => ({ sites: [] }));
    expect(refusals()).toContain('QK564 /kernels/0/sites');
    forge(({ kernels: [kernel, ...rest] }) => ({ kernels: [{ ...kernel, sites: [] }, ...rest] }));
    expect(refusals()).toEqual(['QK564 /kernels/0/sites']);
  });

  test('that says built and has no machine code', () => {
    forge(() => ({ built: true }));
    expect(refusals()).toContain('QK564 /kernels/0/files');
  });

  test('with a kernel twice', () => {
    forge(({ kernels }) => ({ kernels: [...kernels, kernels[0]] }));
    expect(refusals()).toEqual([`QK564 /kernels/${original.kernels.length}/id`]);
  });
});

describe('a file', () => {
  // Larger than Node reads at once: what even root cannot read.
  test('that cannot be read is told by name', () => {
    const path = join(folder, 'packing', 'pack_quik.py');
    truncateSync(path, 2 ** 32);
    const read = readBundle(folder);
    expect(read.ok ? [] : read.error).toMatchObject([{ code: 'QK567', file: path }]);
  });

  test('in whose place a folder stands is missing', () => {
    rmSync(join(folder, 'packing', 'pack_quik.py'));
    mkdirSync(join(folder, 'packing', 'pack_quik.py'));
    expect(refusals()).toEqual(['QK562 undefined']);
  });

  test.each<[string, (sums: string) => void]>([
    ['a folder', (sums) => mkdirSync(sums)],
    ['a link', (sums) => symlinkSync('/etc/hostname', sums)],
    [
      'a pipe',
      (sums) => {
        execFileSync('mkfifo', [sums]);
        // Ends the wait, so that a fault is a failure here and no hang.
        spawn('sh', ['-c', 'sleep 2; : >"$0"', sums], { stdio: 'ignore' });
      },
    ],
  ])('SHA256SUMS in whose place %s stands is not read', (_, put) => {
    const sums = join(folder, sumsFile);
    rmSync(sums);
    put(sums);
    const started = performance.now();
    const read = readBundle(folder);
    expect(read.ok ? [] : read.error).toMatchObject([{ code: 'QK560', file: sums }]);
    expect(performance.now() - started).toBeLessThan(1500);
  });
});

describe('an output', () => {
  test('that is the working folder, or holds it, is refused: it would go from under the user', () => {
    for (const path of ['.', '..', process.cwd(), '/'])
      expect(checkOutput(path), path).toMatchObject({ ok: false, error: { code: 'QK554', file: path } });
  });

  test('in which SHA256SUMS or the manifest is a pipe is left alone, and not waited for', () => {
    for (const name of [sumsFile, 'manifest.json']) {
      const pipe = join(folder, name);
      const text = readFileSync(pipe);
      rmSync(pipe);
      execFileSync('mkfifo', [pipe]);
      // Ends the wait, so that a fault is a failure here and no hang.
      spawn('sh', ['-c', 'sleep 2; : >"$0"', pipe], { stdio: 'ignore' });
      const started = performance.now();
      expect(checkOutput(folder), name).toMatchObject({ ok: false, error: { code: 'QK550' } });
      expect(performance.now() - started).toBeLessThan(1500);
      rmSync(pipe);
      writeFileSync(pipe, text);
    }
  });

  test('that is a link to nowhere is refused, and the link stays', () => {
    const link = join(root, 'link');
    symlinkSync('nowhere', link);
    expect(writeBundle(link, files)).toMatchObject({ ok: false, error: { code: 'QK551' } });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});
