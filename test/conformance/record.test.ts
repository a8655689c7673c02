import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { runOnDevice } from '../../compiler/device/run-on-device.ts';
import { succeed } from '../../compiler/support/result.ts';
import { main } from './conformance.ts';
import { probes } from './probes.ts';
import { recordVectors } from './record-vectors.ts';

// As far as there is no GPU: a stand-in for libcuda.so.1 that launches nothing takes every driver call.

// The runner is built once for all tests: its cache goes by content.
const runnerCache = resolve('.cache', 'test-runner');
const root = mkdtempSync(join(tmpdir(), 'quikc conformance '));
const folder = join(root, 'vectors');
const env = {
  PATH: process.env['PATH'] ?? '',
  QUIKC_CACHE: runnerCache,
  QUIKC_LIBCUDA: join(root, 'libfake.so'),
  FAKE_LOG: join(root, 'log'),
  TMPDIR: root,
};
let [out, err] = ['', ''];

beforeAll(() => {
  mkdirSync(folder);
  const source = join(import.meta.dirname, '../compiler/device/fake-driver.cpp');
  execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', env.QUIKC_LIBCUDA, source]);
}, 60_000);
beforeEach(() => {
  [out, err] = ['', ''];
  writeFileSync(env.FAKE_LOG, '');
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(root, { recursive: true }));

describe('record without a GPU says so and stores nothing', () => {
  test.each([
    ['no driver', { QUIKC_LIBCUDA: '/nonexistent/libcuda.so.1' }, 'QK810'],
    ['a driver without a GPU', { FAKE_FAIL: 'cuInit' }, 'QK810'],
    ['no C++ compiler', { PATH: '/nonexistent', QUIKC_CACHE: join(root, 'empty') }, 'QK801'],
  ])(
    '%s',
    async (_name, changes, code) => {
      expect(await main(['record'], { ...env, ...changes }, folder)).toBe(3);
      expect(err).toContain(`error ${code}`);
      expect(err).toContain('nothing was recorded');
      expect(out).toBe('');
      expect(readdirSync(folder)).toEqual([]);
      expect(readFileSync(env.FAKE_LOG, 'utf8')).not.toContain('launch');
    },
    60_000,
  );

  test('a driver that refuses a module', async () => {
    const laboratory = {
      runJob: (job: Parameters<typeof runOnDevice>[0]) =>
        runOnDevice(job, { env: { ...env, FAKE_FAIL: 'load' } }),
      compile: async () => succeed({ nvcc: '0', ptx: new Map<string, string>() }),
      today: () => '',
    };
    expect(await recordVectors(probes, laboratory)).toMatchObject({ ok: false, error: [{ code: 'QK811' }] });
  });
});

test('every probe reaches the driver, and a stand-in that computes nothing surprises', async () => {
  const laboratory = {
    runJob: (job: Parameters<typeof runOnDevice>[0]) => runOnDevice(job, { env }),
    compile: async (texts: ReadonlyMap<string, string>) =>
      succeed({ nvcc: '0', ptx: new Map([...texts.keys()].map((id) => [id, '.version 8.0'])) }),
    today: () => '',
  };
  const recorded = await recordVectors(probes, laboratory);
  if (!recorded.ok) throw new Error(JSON.stringify(recorded.error));
  const launched = readFileSync(env.FAKE_LOG, 'utf8').match(/launch probe_\w+/g) ?? [];
  expect(new Set(launched).size).toBe(probes.length);
  for (const { name } of probes)
    expect(recorded.value.surprises).toContainEqual(
      expect.stringMatching(new RegExp(`^${name}: d0 of lane`)),
    );
}, 120_000);

describe('npm run conformance', () => {
  test('without recordings says what it can say', async () => {
    expect(await main([], env, folder)).toBe(0);
    expect(out).toContain(
      `no hardware vectors recorded: ${probes.length} probes checked against their reference only, not against hardware\n`,
    );
  });

  test('refuses other words', async () => {
    expect(await main(['replay'], env, folder)).toBe(2);
    expect(err).toContain('usage');
  });

  test('a damaged recording is not passed over', async () => {
    writeFileSync(join(folder, 'broken.json'), '{"conformance": 1}');
    await expect(main([], env, folder)).rejects.toThrow('broken.json holds no vectors');
    rmSync(join(folder, 'broken.json'));
  });
});
