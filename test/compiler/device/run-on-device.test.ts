import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildRunner } from '../../../compiler/device/build-runner.ts';
import type { DeviceJob, DeviceLaunch } from '../../../compiler/device/device-job.ts';
import { runOnDevice } from '../../../compiler/device/run-on-device.ts';

const compiler = 'g++';
// The runner is built once for all tests: its cache goes by content.
const runnerCache = resolve('.cache', 'test-runner');
const root = mkdtempSync(join(tmpdir(), 'quikc device '));
const work = join(root, 'work');
const library = join(root, 'libfake.so');
const env = {
  PATH: process.env['PATH'] ?? '',
  QUIKC_CACHE: runnerCache,
  QUIKC_LIBCUDA: library,
  FAKE_LOG: join(root, 'log'),
  TMPDIR: work,
};

beforeAll(async () => {
  mkdirSync(work);
  const source = join(import.meta.dirname, 'fake-driver.cpp');
  execFileSync(compiler, ['-std=c++17', '-shared', '-fPIC', '-o', library, source]);
  expect(await buildRunner(env)).toMatchObject({ ok: true });
}, 60_000);
beforeEach(() => writeFileSync(env.FAKE_LOG, ''));
afterAll(() => rmSync(root, { recursive: true }));

const launch = (symbol: string, changes: Partial<DeviceLaunch> = {}): DeviceLaunch => ({
  ...{ module: 0, symbol, grid: [4, 2, 1], block: [128, 1, 1], dynamicSharedBytes: 0 },
  arguments: [{ buffer: 0 }, { buffer: 1 }, { type: 'i32', value: 8 }],
  ...changes,
});
const job = (changes: Partial<DeviceJob> = {}): DeviceJob => ({
  modules: ['.version 9.0'],
  buffers: [
    { bytes: 8, content: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 255), download: false },
    { bytes: 8, content: 0xff, download: true },
  ],
  launches: [launch('add_one')],
  ...changes,
});
const logged = () => readFileSync(env.FAKE_LOG, 'utf8').trimEnd().split('\n');

describe('runOnDevice', () => {
  test('uploads, launches and downloads', async () => {
    const result = await runOnDevice(job(), { env });
    if (!result.ok) throw new Error(result.error.message);
    const { device, outputs, functions, stable, timesUs } = result.value;
    expect(device).toMatchObject({
      name: 'Fake "GPU"',
      driver: 13000,
      capability: [75, 76],
      multiprocessors: 16,
    });
    expect(functions).toEqual([{ name: 'add_one', registers: 40, localBytes: 30, staticSharedBytes: 10 }]);
    expect([...outputs]).toEqual([[1, Uint8Array.of(2, 3, 4, 5, 6, 7, 8, 0)]]);
    expect([stable, timesUs]).toEqual([true, []]);
    expect(logged()).toEqual([
      ...['cuInit', 'retain', 'load .version 9.0', 'function add_one', 'alloc 8200', 'alloc 8200'],
      ...['launch add_one grid 4 2 1 block 128 1 1 shared 0', 'synchronize', 'free'],
    ]);
    expect(readdirSync(work)).toEqual([]);
  });

  test('times runs on cold caches, after the outputs were taken', async () => {
    const timing = { warmup: 1, repeat: 2, flushBytes: 1000 };
    const update = job({
      timing,
      launches: [launch('update', { arguments: [{ buffer: 1 }], dynamicSharedBytes: 65536 })],
    });
    const result = await runOnDevice(update, { env });
    if (!result.ok) throw new Error(result.error.message);
    expect(result.value.timesUs).toEqual([12.5, 12.5]);
    expect(result.value.outputs.get(1)).toEqual(Uint8Array.of(0, 255, 255, 255, 255, 255, 255, 255));
    expect(result.value.stable).toBe(false);
    const run = 'launch update grid 4 2 1 block 128 1 1 shared 65536';
    const timed = ['flush', 'record', run, 'record'];
    expect(logged().slice(3)).toEqual([
      ...['function update', 'set 8=65536', 'alloc 8200', 'alloc 8200'],
      ...[run, 'synchronize', 'alloc 1000', run, 'synchronize', ...timed, ...timed, 'free'],
    ]);
  });

  test('passes scalars bit for bit, and several launches in order', async () => {
    const scalars = launch('scalars', {
      arguments: [
        { buffer: 0 },
        { type: 'i32', value: -2 },
        { type: 'f32', value: 0.1 },
        { type: 'u64', value: 2n ** 64n - 1n },
      ],
    });
    const buffers = [
      { bytes: 16, content: 0, download: true },
      { bytes: 16, content: 0, download: true },
    ];
    const add = launch('add_one', { arguments: [{ buffer: 0 }, { buffer: 1 }, { type: 'i32', value: 16 }] });
    const result = await runOnDevice(job({ buffers, launches: [scalars, add] }), { env });
    if (!result.ok) throw new Error(result.error.message);
    const expected = Buffer.alloc(16, 0xff);
    expected.writeInt32LE(-2, 0);
    expected.writeFloatLE(0.1, 4);
    expect(result.value.outputs.get(0)).toEqual(Uint8Array.from(expected));
    expect(result.value.outputs.get(1)).toEqual(Uint8Array.from(expected, (byte) => byte + 1));
  });

  test('without launches tells what the GPU is', async () => {
    const result = await runOnDevice({ modules: [], buffers: [], launches: [] }, { env });
    expect(result).toMatchObject({
      ok: true,
      value: { device: { memoryBytes: 80 * 2 ** 30 }, functions: [] },
    });
  });

  test.each<[string, string, Partial<DeviceJob>, Record<string, string>]>([
    ['no driver', 'QK810', {}, { QUIKC_LIBCUDA: '/nonexistent/libcuda.so.1' }],
    ['a library that is no driver', 'QK810', {}, { QUIKC_LIBCUDA: 'libc.so.6' }],
    ['no device', 'QK810', {}, { FAKE_FAIL: 'cuInit' }],
    ['a device that is not there', 'QK810', { device: 3 }, {}],
    ['a bad module', 'QK811', {}, { FAKE_FAIL: 'load' }],
    ['too little memory', 'QK811', {}, { FAKE_FAIL: 'alloc' }],
    ['an absent function', 'QK811', { launches: [launch('absent')] }, {}],
    [
      'too much shared memory',
      'QK811',
      { launches: [launch('update', { dynamicSharedBytes: 300_000 })] },
      {},
    ],
    ['a kernel that faults', 'QK811', { launches: [launch('fault')] }, {}],
    ['a module index that is not there', 'QK812', { launches: [launch('update', { module: 1 })] }, {}],
    [
      'a buffer that is not there',
      'QK812',
      { launches: [launch('update', { arguments: [{ buffer: 2 }] })] },
      {},
    ],
    ['a write past a buffer', 'QK816', { launches: [launch('overrun')] }, {}],
  ])('%s is %s', async (_name, code, changes, variables) => {
    const result = await runOnDevice(job(changes), { env: { ...env, ...variables } });
    expect(result).toMatchObject({ ok: false, error: { code } });
    expect(readdirSync(work)).toEqual([]);
  });

  test('quotes what the driver says', async () => {
    const module = await runOnDevice(job(), { env: { ...env, FAKE_FAIL: 'load' } });
    expect(module).toMatchObject({
      error: { message: expect.stringContaining('(ptxas: bad "line"): CUDA_ERROR_OTHER') },
    });
    const fault = await runOnDevice(job({ launches: [launch('fault')] }), { env });
    expect(fault).toMatchObject({
      error: { message: expect.stringContaining('CUDA_ERROR_ILLEGAL_ADDRESS') },
    });
  });

  test('a kernel that hangs is ended', async () => {
    const hang = job({ launches: [launch('hang')] });
    expect(await runOnDevice(hang, { env, timeoutMs: 500 })).toMatchObject({
      ok: false,
      error: { code: 'QK813' },
    });
  });
});

describe('buildRunner', () => {
  test('compiles once, and again when the program was damaged', async () => {
    const own = { ...env, QUIKC_CACHE: join(root, 'cache') }; // other tests use the one that all share
    const first = await buildRunner(own);
    if (!first.ok) throw new Error(first.error.message);
    const noCompiler = { ...own, PATH: '/nonexistent' };
    expect(await buildRunner(noCompiler)).toEqual(first);
    writeFileSync(first.value, 'damaged');
    expect(await buildRunner(noCompiler)).toMatchObject({ ok: false, error: { code: 'QK801' } });
    expect(await buildRunner(own)).toEqual(first);
    expect(await runOnDevice(job(), { env: own })).toMatchObject({ ok: true });
  }, 30_000);
});
