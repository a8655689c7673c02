import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildOptions, buildKernels } from '../../../compiler/build/build-kernels.ts';
import type { KernelSource } from '../../../compiler/build/kernel-source.ts';
import { callsOf, type Fake, fakeToolchain, goodCubin, goodPtx, source } from './fake-toolchain.ts';

async function build(fake: Fake, sources: KernelSource[] = [source()], options: Partial<BuildOptions> = {}) {
  return buildKernels(sources, await fake.toolchain(), { env: fake.env, ...options });
}

/** The one diagnostic of the one kernel that failed. */
async function failure(fake: Fake, options: Partial<BuildOptions> = {}) {
  const report = await build(fake, [source()], options);
  expect(report.built).toEqual([]);
  expect(report.failed[0]?.diagnostics).toHaveLength(1);
  expect(readdirSync(fake.work)).toEqual([]);
  expect(existsSync(join(fake.cache, 'kernels'))).toBe(false);
  return report.failed[0]!.diagnostics[0]!;
}

function compilations(fake: Fake): number {
  return callsOf(fake.folder, 'nvcc').filter((call) => call !== '--version').length;
}

function entryOf(fake: Fake): string {
  const kernels = join(fake.cache, 'kernels');
  const entries = readdirSync(kernels).flatMap((head) =>
    readdirSync(join(kernels, head)).map((key) => join(kernels, head, key)),
  );
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

describe('a build', () => {
  test('gives PTX, cubin and resources, and leaves no temporary file', async () => {
    const fake = fakeToolchain();
    const { built, failed, warnings } = await build(fake);
    expect([failed, warnings]).toEqual([[], []]);
    expect(built[0]).toMatchObject({ id: 'k', origin: 'built' });
    expect(built[0]!.ptx).toContain('.version 9.0');
    expect(built[0]!.cubins[0]!.resources[0]).toMatchObject({
      ...{ symbol: 'k', arch: 'sm_80', registers: 20, barriers: 1, staticSharedBytes: 128 },
      ...{ mma: { IMMA: 2 }, instructions: 3 },
    });
    expect(readdirSync(fake.work)).toEqual([]);
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('assembles for every real architecture', async () => {
    const { built } = await build(fakeToolchain(), [source({ realArchs: ['sm_80', 'sm_86'] })]);
    expect(built[0]!.cubins.map(({ arch }) => arch)).toEqual(['sm_80', 'sm_86']);
  });

  test('goes on after a failure and reports progress', async () => {
    const fake = fakeToolchain({
      nvcc: `case "$out" in bad*) echo 'bad.cu(1): error: no' >&2; exit 1;; esac; ${goodPtx}`,
    });
    const seen: string[] = [];
    const sources = [source({ id: 'bad' }), source()];
    const report = await build(fake, sources, {
      onProgress: ({ id, outcome }) => seen.push(`${id} ${outcome}`),
    });
    expect(report.built.map(({ id }) => id)).toEqual(['k']);
    expect(report.failed.map(({ id }) => id)).toEqual(['bad']);
    expect(seen.sort()).toEqual(['bad failed', 'k built']);
  });

  test('runs no more compilers at once than told', async () => {
    const nvcc = `touch "$here/$$.on"; ls "$here" | grep -c on$ >> "$here/counts"; sleep 0.1; rm "$here/$$.on"; ${goodPtx}`;
    const fake = fakeToolchain({ nvcc });
    const sources = Array.from({ length: 6 }, (_, i) =>
      source({ text: `// ${i}`, gate: 'none', id: `k${i}` }),
    );
    expect((await build(fake, sources, { jobs: 2 })).built).toHaveLength(6);
    const counts = readFileSync(join(fake.folder, 'counts'), 'utf8').trim().split('\n').map(Number);
    expect(Math.max(...counts)).toBe(2);
  });

  test('keeps the compilers’ temporary files in their own folder', async () => {
    const { built } = await build(fakeToolchain({ nvcc: `[ "$TMPDIR" = "$PWD" ] || exit 9; ${goodPtx}` }));
    expect(built).toHaveLength(1);
  });

  test('ignores compiler settings of the environment', async () => {
    const fake = fakeToolchain({ nvcc: `[ -z "$NVCC_APPEND_FLAGS$CPATH" ] || exit 9; ${goodPtx}` });
    const env = { ...fake.env, NVCC_APPEND_FLAGS: '-G', CPATH: '/x' };
    expect((await build(fake, [source()], { env })).built).toHaveLength(1);
  });
});

describe('a failing compiler', () => {
  test('error: the line of the .cu', async () => {
    const fake = fakeToolchain({ nvcc: 'echo \'k.cu(7): error: identifier "x" is undefined\' >&2; exit 1' });
    expect(await failure(fake)).toMatchObject({
      code: 'QK620',
      line: 7,
      file: 'k.cu',
      message: 'identifier "x" is undefined',
    });
  });

  test('warning: a failure too', async () => {
    const fake = fakeToolchain({
      nvcc: `echo 'k.cu(3): warning #177-D: variable "u" was declared' >&2; ${goodPtx}`,
    });
    expect(await failure(fake)).toMatchObject({ code: 'QK621', line: 3 });
  });

  test('silent failure: its code and last words', async () => {
    const fake = fakeToolchain({ nvcc: 'echo something odd >&2; exit 5' });
    expect(await failure(fake)).toMatchObject({
      code: 'QK623',
      message: expect.stringContaining('code 5:\nsomething odd'),
    });
  });

  test('success without output, and garbage', async () => {
    expect(await failure(fakeToolchain({ nvcc: 'exit 0' }))).toMatchObject({
      code: 'QK626',
      hint: expect.stringContaining('quikc doctor'),
    });
    expect(await failure(fakeToolchain({ nvcc: 'head -c 4000 /dev/urandom > "$out"' }))).toMatchObject({
      code: 'QK626',
    });
    expect(await failure(fakeToolchain({ ptxas: 'exit 0' }))).toMatchObject({ code: 'QK626' });
    expect(await failure(fakeToolchain({ ptxas: 'echo garbage > "$out"' }))).toMatchObject({ code: 'QK626' });
  });

  test('killed by somebody', async () => {
    const fake = fakeToolchain({ nvcc: 'kill -9 $$' });
    expect(await failure(fake)).toMatchObject({ code: 'QK623', message: expect.stringContaining('SIGKILL') });
  });

  test('hanging: ended after the time limit together with what it started', async () => {
    const fake = fakeToolchain({ nvcc: 'sleep 61 & echo $! > "$here/child"; sleep 62' });
    const start = performance.now();
    expect(await failure(fake, { timeoutMs: 300 })).toMatchObject({ code: 'QK622' });
    expect(performance.now() - start).toBeLessThan(5000);
    expect(isRunning(Number(readFileSync(join(fake.folder, 'child'), 'utf8')))).toBe(false);
  });

  test('hanging: the other kernels are not waited for, one after the other', async () => {
    const fake = fakeToolchain({ nvcc: 'sleep 68' });
    const sources = Array.from({ length: 12 }, (_, index) => source({ text: `// ${index}\n` }));
    const start = performance.now();
    const { built, failed } = await build(fake, sources, { timeoutMs: 700, jobs: 2 });
    expect(performance.now() - start).toBeLessThan(3000); // and not 6 x 0.7 s
    expect([
      built.length,
      failed.flatMap(({ diagnostics }) => diagnostics.map(({ code }) => code))[0],
    ]).toEqual([0, 'QK622']);
    expect(failed.length).toBeLessThanOrEqual(4);
    expect(compilations(fake)).toBeLessThanOrEqual(4);
  });

  test('hanging: the limit can be set from outside', async () => {
    const fake = fakeToolchain({ nvcc: 'sleep 68' });
    expect(await failure(fake, { env: { ...fake.env, QUIKC_BUILD_TIMEOUT: '0.2' } })).toMatchObject({
      code: 'QK622',
    });
  });

  test('interrupted: ended at once, nothing cached', async () => {
    const fake = fakeToolchain({ nvcc: 'touch "$here/started"; sleep 63' });
    const controller = new AbortController();
    const poll = setInterval(() => existsSync(join(fake.folder, 'started')) && controller.abort(), 10);
    expect(await failure(fake, { signal: controller.signal })).toMatchObject({ code: 'QK616' });
    clearInterval(poll);
  });

  test('no host compiler', async () => {
    const fake = fakeToolchain({
      nvcc: 'echo "gcc: No such file or directory\nnvcc fatal   : Failed to preprocess host compiler properties." >&2; exit 1',
    });
    expect(await failure(fake)).toMatchObject({ code: 'QK603' });
  });

  test('full disk', async () => {
    const fake = fakeToolchain({
      nvcc: 'echo "fatal error: error writing to k.ii: No space left on device" >&2; exit 1',
    });
    expect(await failure(fake)).toMatchObject({
      code: 'QK614',
      message: expect.stringContaining('no space left'),
      hint: 'free some space, or point TMPDIR at another disk',
    });
  });

  test('a folder for temporary files that cannot be written: TMPDIR is named, not the cache', async () => {
    const fake = fakeToolchain();
    const toolchain = await fake.toolchain();
    writeFileSync(join(fake.cache, '..', 'no-folder'), '');
    const env = { ...fake.env, TMPDIR: join(fake.cache, '..', 'no-folder') };
    const { failed } = await buildKernels([source()], toolchain, { env });
    expect(failed[0]!.diagnostics).toMatchObject([
      { code: 'QK614', hint: 'point TMPDIR at a folder you can write to' },
    ]);
  });

  test('of a kernel: the hint tells how to get its text, which is not left behind', async () => {
    const fake = fakeToolchain({ nvcc: 'echo "k.cu(7): error: expected a \\";\\"" >&2; exit 1' });
    expect(await failure(fake)).toMatchObject({
      code: 'QK620',
      severity: 'error',
      hint: expect.stringContaining('--no-build'),
    });
  });

  test('ptxas: its line of the PTX becomes the line of the .cu', async () => {
    const ptx = `printf '.version 9.0\\n.entry k()\\n{\\n.loc\\t1 42 3\\nbogus;\\n}\\n' > "$out"`;
    const ptxas =
      'echo "ptxas k.sm_80.ptx, line 5; error   : Not a name of any known instruction" >&2; exit 255';
    expect(await failure(fakeToolchain({ nvcc: ptx, ptxas }))).toMatchObject({ code: 'QK624', line: 42 });
  });

  test('a gate that does not pass', async () => {
    const fake = fakeToolchain();
    const report = await build(fake, [source({ gate: { mma: { IMMA: 3 } } })]);
    expect(report.failed[0]!.diagnostics).toMatchObject([{ code: 'QK641' }]);
    const renamed = await build(fake, [source({ id: 'other' })]);
    expect(renamed.failed[0]!.diagnostics).toMatchObject([{ code: 'QK640' }]);
  });
});

describe('the cache', () => {
  test('answers without a compiler', async () => {
    const fake = fakeToolchain();
    const first = await build(fake);
    const again = await build(fake);
    expect(again.built[0]).toEqual({ ...first.built[0], origin: 'cached' });
    expect(compilations(fake)).toBe(1);
  });

  test('gates again: expectations are no part of the key', async () => {
    const fake = fakeToolchain();
    await build(fake);
    expect((await build(fake, [source({ gate: { mma: {} } })])).failed[0]!.diagnostics[0]!.code).toBe(
      'QK641',
    );
    expect(compilations(fake)).toBe(1);
  });

  test.each(['text', 'virtualArch', 'realArchs'] as const)('misses on another %s', async (field) => {
    const fake = fakeToolchain();
    await build(fake);
    const other = { text: '// other', virtualArch: 'compute_86', realArchs: ['sm_86'] };
    expect((await build(fake, [source({ [field]: other[field] })])).built[0]!.origin).toBe('built');
    expect((await build(fake)).built[0]!.origin).toBe('cached'); // neither displaces the other
  });

  test('misses on another ptxas', async () => {
    const fake = fakeToolchain();
    await build(fake);
    writeFileSync(join(fake.folder, 'ptxas'), `${readFileSync(join(fake.folder, 'ptxas'), 'utf8')}# newer\n`);
    expect((await build(fake)).built[0]!.origin).toBe('built');
  });

  test.each<[string, (entry: string) => void]>([
    ['a truncated cubin', (entry) => truncateSync(join(entry, 'sm_80.cubin'), 100)],
    ['an altered PTX', (entry) => writeFileSync(join(entry, 'kernel.ptx'), '.version 9.0 .entry evil')],
    ['a missing report', (entry) => rmSync(join(entry, 'sm_80.ptxas'))],
    ['a missing seal', (entry) => rmSync(join(entry, 'seal.json'))],
    ['an empty seal', (entry) => truncateSync(join(entry, 'seal.json'))],
    ['a seal of nothing', (entry) => writeFileSync(join(entry, 'seal.json'), '{}')],
    ['a seal that names fewer files', (entry) => dropFromSeal(entry, 'sm_80.cubin')],
  ])('rebuilds and replaces an entry with %s', async (_name, damage) => {
    const fake = fakeToolchain();
    const first = await build(fake);
    damage(entryOf(fake));
    expect((await build(fake)).built[0]).toEqual({ ...first.built[0], origin: 'built' });
    expect((await build(fake)).built[0]).toEqual({ ...first.built[0], origin: 'cached' });
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('replaces a file that lies where an entry belongs', async () => {
    const fake = fakeToolchain();
    await build(fake);
    const entry = entryOf(fake);
    rmSync(entry, { recursive: true });
    writeFileSync(entry, '');
    await build(fake);
    expect((await build(fake)).built[0]!.origin).toBe('cached');
  });

  test('serves two builds at once', async () => {
    const fake = fakeToolchain({ nvcc: `sleep 0.2; ${goodPtx}` });
    const reports = await Promise.all([build(fake), build(fake), build(fake)]);
    for (const report of reports) {
      expect(report.warnings).toEqual([]);
      expect(report.built[0]).toMatchObject({ id: 'k', origin: 'built' });
    }
    expect((await build(fake)).built[0]!.origin).toBe('cached');
  });

  test('that cannot be written costs a warning, not the kernel', async () => {
    const fake = fakeToolchain();
    const toolchain = await fake.toolchain();
    rmSync(fake.cache, { recursive: true, force: true });
    writeFileSync(fake.cache, 'a file where the folder should be');
    const report = await buildKernels([source(), source({ text: '// 2' })], toolchain, { env: fake.env });
    expect(report.built).toHaveLength(2);
    expect(report.warnings).toMatchObject([{ code: 'QK615', severity: 'warning' }]);
  });

  test('keeps no entry of a kernel whose ptxas failed', async () => {
    const fake = fakeToolchain({ ptxas: `case "$out" in *86*) exit 1;; esac; ${goodCubin}` });
    const report = await build(fake, [source({ realArchs: ['sm_80', 'sm_86'] })]);
    expect(report.failed[0]!.diagnostics).toMatchObject([{ code: 'QK623' }]);
    expect(existsSync(join(fake.cache, 'kernels'))).toBe(false);
  });
});

function dropFromSeal(entry: string, name: string): void {
  const seal = JSON.parse(readFileSync(join(entry, 'seal.json'), 'utf8'));
  delete seal[name];
  writeFileSync(join(entry, 'seal.json'), JSON.stringify(seal));
}

function isRunning(pid: number): boolean {
  try {
    // A zombie that nobody reaps answers kill(0): its state tells.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
