import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkNode, doctor } from '../../../compiler/build/doctor.ts';
import { findToolchain } from '../../../compiler/build/find-toolchain.ts';
import { callsOf, fakeToolchain, temporaryFolder, writeScript } from './fake-toolchain.ts';

describe('findToolchain', () => {
  test('prefers the flag, then QUIKC_NVCC, then CUDA_HOME, then PATH', async () => {
    const [flag, variable, home, path] = [fakeToolchain(), fakeToolchain(), fakeToolchain(), fakeToolchain()];
    const PATH = `${path.folder}:/usr/bin:/bin`;
    const base = { QUIKC_CACHE: temporaryFolder() };
    const environments = [
      {
        env: { ...base, PATH, CUDA_HOME: join(home.folder, '..'), QUIKC_NVCC: variable.env['QUIKC_NVCC'] },
        nvcc: flag.env['QUIKC_NVCC'],
      },
      { env: { ...base, PATH, CUDA_HOME: join(home.folder, '..'), QUIKC_NVCC: variable.env['QUIKC_NVCC'] } },
      { env: { ...base, PATH, CUDA_HOME: join(home.folder, '..') } },
      { env: { ...base, PATH } },
    ];
    const found = await Promise.all(environments.map(findToolchain));
    expect(found.map((result) => (result.ok ? result.value.source : result.error))).toEqual([
      '--nvcc',
      'QUIKC_NVCC',
      'CUDA_HOME',
      'PATH',
    ]);
    const folders = [flag, variable, home, path].map(({ folder }) => join(folder, 'nvcc'));
    expect(found.map((result) => result.ok && result.value.nvcc)).toEqual(folders);
  });

  test('does not look further where a named compiler is missing', async () => {
    const fake = fakeToolchain();
    const result = await findToolchain({
      env: { ...fake.env, PATH: fake.folder },
      nvcc: '/nonexistent/nvcc',
    });
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'QK602', message: expect.stringContaining('--nvcc') },
    });
  });

  test('calls the real file behind a link', async () => {
    const fake = fakeToolchain();
    const link = join(temporaryFolder(), 'nvcc');
    symlinkSync(join(fake.folder, 'nvcc'), link);
    const result = await findToolchain({ env: fake.env, nvcc: link });
    expect(result).toMatchObject({
      ok: true,
      value: { nvcc: join(fake.folder, 'nvcc'), ptxas: join(fake.folder, 'ptxas') },
    });
  });

  test('nothing anywhere: what to do', async () => {
    const result = await findToolchain({ env: { PATH: '/nonexistent', QUIKC_CACHE: temporaryFolder() } });
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'QK601', hint: expect.stringContaining('quikc toolchain install') },
    });
  });

  test('refuses an nvcc without ptxas, one that fails and one that hides its version', async () => {
    const noPtxas = fakeToolchain();
    rmSync(join(noPtxas.folder, 'ptxas'));
    const env = { ...noPtxas.env, PATH: '/nonexistent' };
    expect(await findToolchain({ env })).toMatchObject({ ok: false, error: { code: 'QK602' } });
    for (const body of ['exit 1', 'echo hello']) {
      const fake = fakeToolchain();
      writeScript(fake.folder, 'nvcc', body);
      expect(await findToolchain(fake)).toMatchObject({ ok: false, error: { code: 'QK602' } });
    }
  });

  test('a version that never comes ends after QUIKC_BUILD_TIMEOUT, or with Ctrl-C', async () => {
    const fake = fakeToolchain();
    writeScript(fake.folder, 'nvcc', 'sleep 30');
    const started = performance.now();
    const late = await findToolchain({ env: { ...fake.env, QUIKC_BUILD_TIMEOUT: '0.3' } });
    expect(late).toMatchObject({ error: { code: 'QK602', message: expect.stringContaining('in time') } });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const stopped = await findToolchain({ env: fake.env, signal: controller.signal });
    expect(stopped).toMatchObject({ error: { code: 'QK616' } });
    expect(performance.now() - started).toBeLessThan(15_000); // and not the 20 s of an unbounded question
  });

  test.each(['soon', '-1', '0', '1e9', '3000000', '0x10'])(
    'a QUIKC_BUILD_TIMEOUT of %s is refused',
    async (QUIKC_BUILD_TIMEOUT) => {
      const fake = fakeToolchain();
      const result = await findToolchain({ env: { ...fake.env, QUIKC_BUILD_TIMEOUT } });
      expect(result).toMatchObject({
        error: { code: 'QK617', message: expect.stringContaining(QUIKC_BUILD_TIMEOUT) },
      });
    },
  );

  test('asks the version once', async () => {
    const fake = fakeToolchain();
    const first = await fake.toolchain();
    expect(first.version).toBe('13.0.88');
    expect(await fake.toolchain()).toEqual(first);
    expect(callsOf(fake.folder, 'nvcc')).toEqual(['--version']);
  });

  test('a damaged note of the identity is asked for again', async () => {
    const fake = fakeToolchain();
    const first = await fake.toolchain();
    const folder = join(fake.cache, 'toolchain-identity');
    for (const text of ['', '{}', '{"version":"1","identity":"short"}'])
      for (const name of readdirSync(folder)) {
        writeFileSync(join(folder, name), text);
        expect(await fake.toolchain()).toEqual(first);
      }
  });

  test('has another identity for another ptxas, cicc or header', async () => {
    const fake = fakeToolchain();
    const seen = [(await fake.toolchain()).identity];
    const append = (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8')}# changed\n`);
    append(join(fake.folder, 'ptxas'));
    seen.push((await fake.toolchain()).identity);
    mkdirSync(join(fake.folder, '../nvvm/bin'), { recursive: true });
    writeFileSync(join(fake.folder, '../nvvm/bin/cicc'), 'cicc');
    seen.push((await fake.toolchain()).identity);
    mkdirSync(join(fake.folder, '../include'));
    writeFileSync(join(fake.folder, '../include/cuda_fp16.hpp'), '// fp16');
    seen.push((await fake.toolchain()).identity);
    expect(new Set(seen).size).toBe(4);
  });
});

describe('doctor', () => {
  test('is content with a working set and names what is missing otherwise', async () => {
    const fake = fakeToolchain();
    const good = await doctor({ env: fake.env });
    const optional = ['GPU driver', 'Dawn', 'WebGPU adapter'];
    expect(good.filter(({ name }) => !optional.includes(name)).map(({ status }) => status)).toEqual(
      Array(6).fill('ok'),
    );
    const bare = await doctor({
      env: { PATH: '/nonexistent', QUIKC_CACHE: join(fake.folder, 'nvcc', 'cache') },
    });
    expect(Object.fromEntries(bare.map(({ name, status }) => [name, status]))).toMatchObject({
      nvcc: 'fail',
      'host compiler': 'fail',
      python3: 'warn',
      cache: 'warn',
      Dawn: 'warn',
      'WebGPU adapter': 'warn',
    });
    expect(bare.filter(({ status }) => status !== 'ok').every(({ fix }) => fix !== undefined)).toBe(true);
  });

  test('knows which Node is new enough', () => {
    const verdicts = ['18.20.0', '20.18.9', '20.19.0', '22.0.0'].map((version) => checkNode(version).status);
    expect(verdicts).toEqual(['fail', 'fail', 'ok', 'ok']);
  });
});
