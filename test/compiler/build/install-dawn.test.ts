// Dawn by a made-up npm into quikc's cache, and what doctor says of it and of the adapter that it finds.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkWebgpu } from '../../../compiler/build/check-webgpu.ts';
import { dawnFolder, dawnPackage, dawnPackages } from '../../../compiler/build/dawn-packages.ts';
import { findDawn } from '../../../compiler/build/find-dawn.ts';
import { installDawn } from '../../../compiler/build/install-dawn.ts';
import { callsOf, temporaryFolder, writeScript } from './fake-toolchain.ts';

/** An adapter as index.js of a made-up package has it. */
const software = `{ info: { description: 'slow', isFallbackAdapter: true, subgroupMinSize: 4 }, features: new Set(['subgroups']) }`;

/** A PATH whose npm puts a package there that finds `adapter`; \`body\` runs before. */
function fakeNpm({ adapter = software, body = '' } = {}) {
  const root = temporaryFolder();
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const index = `export const create = () => ({ requestAdapter: async () => (${adapter}) });`;
  writeFileSync(join(bin, 'index.js'), index);
  const lines = [
    body,
    'cp package-lock.json "$here/lock.json"',
    'mkdir -p node_modules/webgpu/dist/linux-x64 node_modules/webgpu/dist/win32-x64 node_modules/webgpu/dist/darwin-universal',
    'cp "$here/index.js" node_modules/webgpu/',
    `echo '{ "version": "0.6.2", "type": "module" }' > node_modules/webgpu/package.json`,
  ];
  writeScript(bin, 'npm', lines.join('\n'));
  const cache = join(root, 'cache');
  return { bin, cache, env: { PATH: `${bin}:/usr/bin:/bin`, QUIKC_CACHE: cache } };
}

describe('installDawn', () => {
  test('brings pinned packages whose digests npm checks, for this system only, and is found without a variable', async () => {
    const { bin, cache, env } = fakeNpm();
    expect(await findDawn(env)).toMatchObject({ ok: false, error: { code: 'QK604' } });
    const folder = join(cache, dawnPackage);
    expect(await installDawn({ env })).toEqual({ ok: true, value: { folder, alreadyThere: false } });
    const { packages } = JSON.parse(readFileSync(join(bin, 'lock.json'), 'utf8'));
    for (const [name, { version, integrity }] of Object.entries(dawnPackages)) {
      expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
      expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/);
    }
    expect(readdirSync(join(folder, 'dist'))).toEqual([`${process.platform}-x64`]);
    expect(readdirSync(join(cache, 'tmp'))).toEqual([]);
    expect(await findDawn(env)).toMatchObject({ ok: true, value: { version: '0.6.2' } });
    expect(await installDawn({ env })).toMatchObject({ value: { alreadyThere: true } });
    expect(callsOf(bin, 'npm')).toHaveLength(1);
  });

  test.each([
    ['a digest that does not match', 'echo "npm error code EINTEGRITY" >&2; exit 1', 'QK613'],
    ['no network', 'echo "npm error ENOTFOUND" >&2; exit 1', 'QK612'],
  ])('leaves nothing behind after %s', async (_, body, code) => {
    const { cache, env } = fakeNpm({ body });
    expect(await installDawn({ env })).toMatchObject({
      ok: false,
      error: { code, hint: expect.stringMatching(/npm/) },
    });
    expect(existsSync(join(cache, dawnFolder))).toBe(false);
    expect(readdirSync(join(cache, 'tmp'))).toEqual([]);
  });

  test('says so where there is no npm', async () => {
    const env = { PATH: '/nonexistent', QUIKC_CACHE: temporaryFolder() };
    expect(await installDawn({ env })).toMatchObject({ ok: false, error: { code: 'QK618' } });
  });
});

describe('doctor, for webgpu', () => {
  test('names Dawn and the adapter, with what kernels may ask of it', async () => {
    const { env } = fakeNpm();
    await installDawn({ env });
    expect(await checkWebgpu(env)).toMatchObject(
      [
        { name: 'Dawn', status: 'ok', detail: /0\.6\.2/ },
        { name: 'WebGPU adapter', status: 'ok', detail: 'slow, a software adapter, subgroups of at least 4' },
      ].map(({ detail, ...rest }) => ({ ...rest, detail: expect.stringMatching(detail) })),
    );
  });

  test.each([
    ['no adapter', { adapter: 'null' }, /^none/],
    [
      'a Dawn that fails',
      { adapter: '(() => { throw new Error("no driver"); })()' },
      /^Dawn cannot look for one/,
    ],
  ])('says how to get an adapter after %s', async (_, fake, detail) => {
    const { env } = fakeNpm(fake);
    await installDawn({ env });
    const [, adapter] = await checkWebgpu(env);
    expect(adapter).toMatchObject({ status: 'warn', detail: expect.stringMatching(detail) });
    expect(adapter?.fix).toContain('VK_ICD_FILENAMES');
  });

  test('says how to get Dawn', async () => {
    const checks = await checkWebgpu({ QUIKC_CACHE: temporaryFolder() });
    expect(checks.map(({ status, fix }) => [status, fix])).toEqual(
      Array(2).fill(['warn', expect.stringContaining('quikc toolchain install webgpu')]),
    );
  });
});
