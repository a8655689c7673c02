// Which variant's kernels the package takes, by what a made-up adapter or device has.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { writeBundle } from '../../../../compiler/package/write-bundle.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../../compile-fixture.ts';
import { fakeDevice } from './fake-device.ts';

const { files, manifest } = await compileFixture(tinyLlama, { target: webgpu });
const root = realpathSync(mkdtempSync(join(tmpdir(), 'quikc-web-')));
writeBundle(join(root, 'bundle'), files);
const load = (module: string) =>
  import(/* @vite-ignore */ pathToFileURL(join(root, 'bundle', 'web', module)).href);
const bundle = await load('index.js');
afterAll(() => rmSync(root, { recursive: true, force: true }));

const dot = 'packed_4x8_integer_dot_product';
const language = (...names: readonly string[]) => ({ wgslLanguageFeatures: new Set(names) });

/** A device or adapter with these features; the latter tells of itself by another name. */
function having(features: readonly string[], subgroupMinSize?: number) {
  const fake = fakeDevice();
  const info = subgroupMinSize === undefined ? {} : { subgroupMinSize };
  Object.assign(fake.device, { features: new Set(features), adapterInfo: info, info });
  return fake;
}

/** What a device has, what WGSL has, and the variants that there are then, the best first. */
const choices: readonly (readonly [readonly string[], readonly string[], readonly string[]])[] = [
  [[], [], ['scalar']],
  [[], [dot], ['base', 'scalar']],
  [['subgroups'], [], ['scalar']],
  [['subgroups'], [dot], ['subgroups', 'base', 'scalar']],
  [['shader-f16'], [dot], ['f16', 'base', 'scalar']],
  [['shader-f16'], [], ['scalar']],
  [['shader-f16', 'subgroups'], [dot], ['f16-subgroups', 'f16', 'subgroups', 'base', 'scalar']],
];

describe.each(choices)('a device with %j in a WGSL with %j', (features, languageFeatures, expected) => {
  const gpu = language(...languageFeatures);

  test(`can run ${expected.join(', ')}`, () => {
    expect(bundle.supportedVariants(having(features).device, gpu)).toEqual(expected);
  });

  test(`gets ${expected[0]}, and no shader of another`, async () => {
    const { device, counts } = having(features);
    const made = await bundle.createPipelines(device, { gpu, sites: ['o_proj'] });
    expect(made.variant).toBe(expected[0]);
    const buckets = manifest.sites.find(({ id }) => id === 'o_proj')!.buckets;
    const own = buckets.filter(({ variant }) => variant === expected[0]);
    const ids = new Set(own.flatMap(({ launches }) => launches.map(({ kernel }) => kernel)));
    expect(counts.modules.toSorted()).toEqual(['check-finite', ...[...ids].sort()]);
  });
});

describe('a variant that is named', () => {
  test('is taken where the device has what it needs', async () => {
    const { device } = having(['subgroups']);
    for (const variant of ['scalar', 'base', 'subgroups'])
      expect((await bundle.createPipelines(device, { gpu: language(dot), variant })).variant).toBe(variant);
  });

  test('and is not there, or not for this device, is refused with what is lacking', async () => {
    const { device } = having([]);
    await expect(bundle.createPipelines(device, { variant: 'fast' })).rejects.toMatchObject({
      code: 'usage',
    });
    await expect(
      bundle.createPipelines(device, { gpu: language(dot), variant: 'subgroups' }),
    ).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/variants\['subgroups'\].*the feature subgroups is missing/),
    });
  });
});

test('bytes are enough for any variant: a workspace may be of one alone', async () => {
  const { makeApi } = await load('make-api.js');
  const kernel = (...rest: readonly number[]) => ({
    arguments: rest.map((each) => ({
      name: 'workspace',
      access: 'read-write',
      bytes: (m: number) => m * each,
    })),
    ...{ tokensAtOnce: 8, dispatches: [] },
  });
  const launch = (id: string) => [{ from: 1, to: 8, kernel: id }];
  const sites = (id: string) => ({ o: { quantize: launch('none'), linears: { o: launch(id) } } });
  const tables = {
    ...{ kernels: { none: kernel(), some: kernel(5), more: kernel(7) }, layers: {} },
    ...{ variants: { scalar: {}, base: {}, best: {} } },
    sites: { scalar: sites('none'), base: sites('more'), best: sites('some') },
  };
  expect(makeApi(tables, {}).bytes('o', 3)).toEqual({ buffers: {}, linears: { o: { workspace: 21 } } });
});

describe('without word of WGSL’s language features', () => {
  test('the best variant cannot be told, and the slowest is not taken in silence', async () => {
    const told = {
      code: 'usage',
      message: expect.stringMatching(/give `gpu`.*or name a variant \("scalar"/),
    };
    for (const options of [undefined, { gpu: undefined }])
      await expect(bundle.createPipelines(having(['subgroups']).device, options)).rejects.toMatchObject(told);
  });

  test('a variant that needs none can be named', async () => {
    const { device } = having(['subgroups']);
    expect((await bundle.createPipelines(device, { variant: 'scalar' })).variant).toBe('scalar');
    expect((await bundle.createPipelines(device, { gpu: {} })).variant).toBe('scalar');
  });
});

test('a subgroup that may be too small is a reason, one that is not told of is taken as the smallest', () => {
  const gpu = language(dot);
  for (const size of [undefined, 4, 32])
    expect(bundle.supportedVariants(having(['subgroups'], size).device, gpu)).toContain('subgroups');
  const small = having(['subgroups'], 2).device;
  expect(bundle.unsupported(small, gpu, 'subgroups')).toEqual([
    'a subgroup may have 2 invocations, 4 are needed',
  ]);
});

describe('open', () => {
  const gpuOf = (features: readonly string[], ...words: readonly string[]) => {
    const { device, counts } = having(features);
    const asked: unknown[] = [];
    const requestDevice = async (needs: unknown) => {
      asked.push(needs);
      return device;
    };
    const adapter = Object.assign(Object.create(device), { requestDevice });
    return { gpu: { ...language(...words), requestAdapter: async () => adapter }, asked, counts };
  };

  test('asks the adapter for what its best variant needs, and makes the pipelines of that', async () => {
    const { gpu, asked } = gpuOf(['subgroups'], dot);
    const made = await bundle.open({ gpu, sites: ['o_proj'] });
    expect([made.variant, Object.keys(made.sites)]).toEqual(['subgroups', ['o_proj']]);
    expect(asked).toEqual([bundle.variants.subgroups]);
  });

  test('takes the variant that is named', async () => {
    const { gpu, asked } = gpuOf(['subgroups'], dot);
    expect((await bundle.open({ gpu, variant: 'base' })).variant).toBe('base');
    expect(asked).toEqual([bundle.variants.base]);
  });

  test.each([
    ['no WebGPU', undefined, {}, /there is no WebGPU adapter/],
    ['no adapter', { ...language(dot), requestAdapter: async () => null }, {}, /there is no WebGPU adapter/],
    ['a feature lacking', gpuOf([], dot).gpu, { variant: 'subgroups' }, /the feature subgroups is missing/],
  ])('says what is lacking: %s', async (_name, gpu, options, message) => {
    await expect(bundle.open({ ...options, gpu })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(message),
    });
  });
});
