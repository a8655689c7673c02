import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRecords } from '../../../compiler/tune/read-records.ts';
import { writeRecord } from '../../../compiler/tune/write-record.ts';
import { aRecord } from '../tune/a-record.ts';

// Bundled as build.mjs does, but beside dist/, so that the test neither needs nor disturbs a build. The folder lies in
// the checkout because the bundle resolves its packages from there.
let folder = '';
let outputs: Metafile['outputs'] = {};

beforeAll(async () => {
  await mkdir('.cache', { recursive: true });
  folder = await mkdtemp(resolve('.cache/cli-test-'));
  const built = await build({
    entryPoints: { cli: 'compiler/cli.ts' },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'silent',
    metafile: true,
  });
  outputs = built.metafile.outputs;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function quikc(...args: readonly string[]) {
  return execa('node', [join(folder, 'cli.js'), ...args], { reject: false, env: { FORCE_COLOR: '0' } });
}

describe('exit codes of the process', () => {
  test.each([
    [0, ['--help']],
    [0, ['--version']],
    [0, ['inspect', '--help']],
    [0, ['inspect', 'examples/llama-2-7b/model.json']],
    [0, ['inspect', 'test/fixtures/checkpoints/variants/opt', '--outliers', '4']],
    [0, ['import', 'test/fixtures/checkpoints/variants/llama3']],
    [1, ['inspect', 'test/fixtures/bad-models/several-at-once.json']],
    [1, ['import', 'examples/llama-2-7b/model.json']],
    [1, ['compile', 'test/fixtures/bad-models/empty.json']],
    [1, ['inspect', 'absent.json']],
    [1, ['inspect', 'examples/llama-2-7b/model.json', '--layer', '*=quik-9b']],
    [2, []],
    [2, ['inspekt', 'x']],
    [2, ['inspect']],
    [2, ['import']],
    [2, ['import', 'x', '-o', '']],
    [1, ['calibrate', 'absent', '--tokens', 'x', '-o', 'x.safetensors']],
    [2, ['calibrate', 'x', '--tokens', 'x']],
    [2, ['calibrate', 'x', '-o', 'x.safetensors']],
    [2, ['inspect', 'x', '--no-such-option']],
    [2, ['inspect', 'x', '--columns', 'sideways']],
    [2, ['compile', 'examples/llama-2-7b/model.json', '--target', 'sm8o']],
    [2, ['targets', '--quiet']],
    [2, ['explain', 'absent', '-q']],
    [2, ['inspect', '']],
    [2, ['inspect', 'examples/llama-2-7b/model.json', '--dump', '']],
    [2, ['inspect', 'examples/llama-2-7b/model.json', '--layer', '']],
    [2, ['inspect', 'examples/llama-2-7b/model.json', '--scheme', '']],
    [2, ['inspect', 'examples/llama-2-7b/model.json', '--outliers', '']],
    [2, ['compile', 'absent.json', '--nvcc', '']],
    [2, ['compile', 'absent.json', '--output', '']],
    [2, ['verify', 'absent', '--kernel', '']],
    [2, ['verify', 'absent', '--m', '']],
    [2, ['verify', 'absent', '--seed', '']],
    [2, ['verify', 'absent', '--threads', '']],
    [2, ['verify', 'absent', '--seed', ' ']],
    [2, ['verify', 'absent', '--seed', '0x10']],
    [2, ['verify', 'absent', '--threads', '0']],
    [2, ['verify', 'absent', '--threads', '1.5']],
    [2, ['verify', 'absent', '--threads', 'all']],
    [2, ['verify', 'absent', '--m', '1,,2']],
    [2, ['explain', 'absent', '']],
    [2, ['doctor', '--nvcc', '']],
    [2, ['tune', 'merge', 'absent', '']],
    [1, ['tune', 'merge', 'absent', 'absent']],
  ])('%i for %j', async (code, args) => {
    const run = await quikc(...args);
    expect(run.exitCode).toBe(code);
    if (code !== 0) expect(run.stderr.length).toBeGreaterThan(20);
    expect(run.stderr).not.toMatch(/\n\s+at .*\.js:/);
  });

  test('a closed pipe is no error', async () => {
    const command = `node ${join(folder, 'cli.js')} inspect examples/llama-2-7b/model.json --quiet --json | true`;
    const run = await execa('bash', ['-c', `set -o pipefail; ${command}`], { reject: false });
    expect([run.exitCode, run.stderr]).toEqual([0, '']);
  });

  test('a closed pipe hides no failure', async () => {
    const absent = ['inspect', 'absent.json', '--json'].join(' ');
    const command = `node ${join(folder, 'cli.js')} ${absent} | true`;
    expect((await execa('bash', ['-c', `set -o pipefail; ${command}`], { reject: false })).exitCode).toBe(1);
  });
});

describe('output that cannot be written', () => {
  const inShell = (script: string) =>
    execa('bash', ['-c', script, 'bash', join(folder, 'cli.js')], { reject: false });

  test
    .skipIf(!existsSync('/dev/full'))
    .each(['targets', 'inspect examples/llama-2-7b/model.json --json', '--help', '--version'])(
    'on a full disk %s fails, and says why (needs /dev/full)',
    async (words) => {
      const run = await inShell(`node "$1" ${words} > /dev/full`);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toMatch(/^error QK555 the output cannot be written\n.*ENOSPC/);
    },
  );

  test.skipIf(!existsSync('/dev/full'))('no room for warnings is no failure (needs /dev/full)', async () => {
    const run = await inShell(`node "$1" inspect test/fixtures/models/ragged.json 2> /dev/full`);
    expect([run.exitCode, run.stdout.includes('ragged')]).toEqual([0, true]);
  });

  test.skipIf(process.platform === 'win32')('a disk with room for a part of it is full too', async () => {
    const file = join(folder, 'short.json');
    const limit = `trap '' XFSZ; ulimit -f 1`;
    const run = await inShell(`${limit}; node "$1" inspect examples/llama-2-7b/model.json --json > ${file}`);
    expect([run.exitCode, run.stderr.includes('QK555')]).toEqual([1, true]);
  });
});

test('tune merge takes several folders and files, and puts them where --records says', async () => {
  const [first, second, own] = ['first', 'second', 'own'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const file = writeRecord(first, aRecord());
  writeRecord(second, aRecord({ tokens: { from: 9, at: 9 } }));
  const run = await quikc('tune', 'merge', file.ok ? file.value : '', second, '--records', own);
  expect([run.exitCode, run.stderr, run.stdout]).toEqual([0, '', `2 records merged into 2 of ${own}`]);
  expect(readRecords(own).records).toHaveLength(2);
});

// In a process, which can be ended should it hang: Node's own recursive mkdir never returns here.
test.skipIf(!existsSync('/proc/self'))('--dump below /proc is one fault (needs /proc)', async () => {
  const args = ['inspect', 'test/fixtures/models/ragged.json', '--dump', '/proc/quikc-dump', '--json'];
  const run = await execa('node', [join(folder, 'cli.js'), ...args], {
    reject: false,
    timeout: 5000,
    killSignal: 'SIGKILL',
  });
  expect(run.exitCode).toBe(1);
  expect(JSON.parse(run.stdout).diagnostics).toMatchObject([{ code: 'QK553', file: '/proc/quikc-dump' }]);
});

test('--help loads commander alone: no zod, handlebars or ts-morph', async () => {
  const loaded = new Set<string>();
  const visit = (output: string): void => {
    for (const { path, kind, external } of outputs[output]?.imports ?? []) {
      if (kind !== 'import-statement') continue;
      if (external === true) loaded.add(path);
      else visit(path);
    }
  };
  visit(relative(process.cwd(), join(folder, 'cli.js')));
  expect([...loaded].filter((path) => !path.startsWith('node:'))).toEqual(['commander']);
  const started = performance.now();
  await quikc('--help');
  // 0.25 s is the promise on a quiet machine; a busy one gets slack.
  expect(performance.now() - started).toBeLessThan(1000);
});
