import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type InstallOptions, installToolchain } from '../../../compiler/build/install-toolchain.ts';
import { toolchainFolder, type Wheel } from '../../../compiler/build/toolchain-wheels.ts';
import { sha256 } from '../../../compiler/support/hash.ts';
import { callsOf, temporaryFolder, writeScript } from './fake-toolchain.ts';
import { makeZip } from './make-zip.ts';

const nvccWheel = makeZip({
  'nvidia/cu13/bin/nvcc': '#!/bin/sh\n',
  'nvidia/cu13/bin/nvcc.profile': 'TOP = ..',
  'nvidia/cu13/nvvm/bin/cicc': '#!/bin/sh\n',
});
const runtimeWheel = makeZip({ 'nvidia/cu13/include/cuda_runtime.h': '// header' });
const wheels: Wheel[] = [
  { project: 'fake-nvcc', version: '1', sha256: sha256(nvccWheel) },
  { project: 'fake-runtime', version: '2', sha256: sha256(runtimeWheel) },
];

/** A python3 whose "pip download" copies wheels out of a folder. `body` runs before. */
function fakePip(body = '') {
  const root = temporaryFolder();
  const bin = join(root, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'fake-nvcc==1.whl'), nvccWheel);
  writeFileSync(join(bin, 'fake-runtime==2.whl'), runtimeWheel);
  const copy =
    'for last; do [ "$prev" = --dest ] && dest=$last; prev=$last; done; cp "$here/$last.whl" "$dest/"';
  writeScript(bin, 'python3', `${body}\n${copy}`);
  const cache = join(root, 'cache');
  const env = { PATH: `${bin}:/usr/bin:/bin`, QUIKC_CACHE: cache };
  const install = (options: Partial<InstallOptions> = {}) => installToolchain({ env, wheels, ...options });
  return { bin, cache, env, install, folder: join(cache, toolchainFolder) };
}

describe('installToolchain', () => {
  test('unpacks verified wheels, programs executable, nothing else left', async () => {
    const fake = fakePip();
    const steps: string[] = [];
    const result = await fake.install({ onProgress: ({ step, item }) => steps.push(`${step} ${item}`) });
    const nvcc = join(fake.folder, 'nvidia/cu13/bin/nvcc');
    expect(result).toEqual({ ok: true, value: { folder: fake.folder, nvcc, alreadyThere: false } });
    expect(statSync(nvcc).mode & 0o777).toBe(0o755);
    expect(statSync(join(fake.folder, 'nvidia/cu13/nvvm/bin/cicc')).mode & 0o777).toBe(0o755);
    expect(statSync(join(fake.folder, 'nvidia/cu13/bin/nvcc.profile')).mode & 0o777).toBe(0o644);
    expect(existsSync(join(fake.folder, 'nvidia/cu13/include/cuda_runtime.h'))).toBe(true);
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
    expect(steps.slice(0, 4)).toEqual([
      'download fake-nvcc 1',
      'verify fake-nvcc 1',
      'unpack fake-nvcc 1',
      'download fake-runtime 2',
    ]);
    expect(callsOf(fake.bin, 'python3')[0]).toContain('download --quiet --no-deps');
  });

  test('does nothing the second time', async () => {
    const fake = fakePip();
    await fake.install();
    expect(await fake.install()).toMatchObject({ ok: true, value: { alreadyThere: true } });
    expect(callsOf(fake.bin, 'python3')).toHaveLength(2);
  });

  test.each<[string, (folder: string) => void]>([
    ['without its marker', (folder) => rmSync(join(folder, 'installed.json'))],
    ['without nvcc', (folder) => rmSync(join(folder, 'nvidia/cu13/bin/nvcc'))],
    ['of other wheels', (folder) => writeFileSync(join(folder, 'installed.json'), '{"wheels":[]}')],
  ])('replaces a toolchain %s', async (_name, damage) => {
    const fake = fakePip();
    await fake.install();
    damage(fake.folder);
    expect(await fake.install()).toMatchObject({ ok: true, value: { alreadyThere: false } });
    expect(await fake.install()).toMatchObject({ ok: true, value: { alreadyThere: true } });
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('refuses a wheel with another digest and installs nothing', async () => {
    const fake = fakePip();
    writeFileSync(join(fake.bin, 'fake-runtime==2.whl'), makeZip({ evil: 'x' }));
    const result = await fake.install();
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'QK613', message: expect.stringContaining('fake-runtime 2') },
    });
    expect(existsSync(fake.folder)).toBe(false);
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('says what to do without Python, without pip, without a network', async () => {
    const { env } = fakePip();
    const nowhere = { ...env, PATH: '/nonexistent' };
    expect(await installToolchain({ env: nowhere, wheels })).toMatchObject({
      ok: false,
      error: { code: 'QK610' },
    });
    const noPip = fakePip('echo "/usr/bin/python3: No module named pip" >&2; exit 1');
    expect(await noPip.install()).toMatchObject({ ok: false, error: { code: 'QK611' } });
    const offline = fakePip('echo "ERROR: No matching distribution found" >&2; exit 1');
    const error = { code: 'QK612', message: expect.stringContaining('No matching distribution') };
    expect(await offline.install()).toMatchObject({ ok: false, error });
  });

  test('interrupted half-way, nothing looks installed', async () => {
    const fake = fakePip('case "$*" in *fake-runtime*) touch "$here/second"; sleep 64;; esac');
    const controller = new AbortController();
    const poll = setInterval(() => existsSync(join(fake.bin, 'second')) && controller.abort(), 10);
    expect(await fake.install({ signal: controller.signal })).toMatchObject({
      ok: false,
      error: { code: 'QK616' },
    });
    clearInterval(poll);
    expect(existsSync(fake.folder)).toBe(false);
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('two at once: both succeed, one toolchain', async () => {
    const fake = fakePip('sleep 0.1');
    const results = await Promise.all([fake.install(), fake.install()]);
    expect(results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(readFileSync(join(fake.folder, 'installed.json'), 'utf8')).toContain('fake-runtime');
    expect(readdirSync(join(fake.cache, 'tmp'))).toEqual([]);
  });

  test('a cache that cannot be written', async () => {
    const fake = fakePip();
    writeFileSync(fake.cache, 'a file');
    expect(await fake.install()).toMatchObject({ ok: false, error: { code: 'QK614' } });
  });
});
