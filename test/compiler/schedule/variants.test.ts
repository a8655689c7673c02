import { describe, expect, test } from 'vitest';
import { checkManifest } from '../../../compiler/package/check-manifest.ts';
import { variantsOf } from '../../../compiler/package/variants-of.ts';
import type { Manifest } from '../../../ir/manifest.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, llama7b, tinyLlama } from '../compile-fixture.ts';

const { manifest, files } = await compileFixture(llama7b, { target: webgpu });
const cuda = await compileFixture(tinyLlama);

const textOf = (id: string) => Buffer.from(files.get(`web/kernels/${id}.wgsl`) ?? '').toString('utf8');

describe.each(webgpu.variants)('the variant $name', (variant) => {
  const kernels = manifest.kernels.filter(({ id }) => variantsOf(id, manifest.sites).includes(variant.name));

  test('has a kernel for every M of every site', () => {
    for (const { id, buckets } of manifest.sites) {
      const own = buckets.filter((bucket) => bucket.variant === variant.name);
      expect(
        own.map(({ from }) => from),
        id,
      ).toEqual([1, ...own.slice(0, -1).map(({ to = 0 }) => to + 1)]);
      expect(own.at(-1)?.to, id).toBeUndefined();
    }
  });

  test('asks for no more than it says, in its texts either', () => {
    expect(kernels.length).toBeGreaterThan(8);
    for (const { id, resources } of kernels) {
      if (resources.dialect !== 'wgsl') throw new Error(id);
      expect(variant.features).toEqual(expect.arrayContaining([...resources.features]));
      expect(variant.languageFeatures).toEqual(expect.arrayContaining([...resources.languageFeatures]));
      expect(resources.leastSubgroupSize).toBeLessThanOrEqual(variant.leastSubgroupSize);
      const text = textOf(id);
      expect(/dot4I8Packed/.test(text)).toBe(resources.languageFeatures.length > 0);
      expect(/^enable .*subgroups/m.test(text)).toBe(resources.features.includes('subgroups'));
      expect(/\bsubgroup(?:Add|Min|Max|Broadcast)\(/.test(text)).toBe(
        resources.features.includes('subgroups'),
      );
      expect(/^enable .*f16/m.test(text)).toBe(resources.features.includes('shader-f16'));
    }
  });

  test('uses all of what it asks for, in some kernel', () => {
    const used = kernels.flatMap(({ resources }) =>
      resources.dialect === 'wgsl' ? [...resources.features, ...resources.languageFeatures] : [],
    );
    expect([...new Set(used)].sort()).toEqual([...variant.features, ...variant.languageFeatures].sort());
  });
});

test('a kernel that two variants launch is emitted once', () => {
  const ids = manifest.kernels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.some((id) => variantsOf(id, manifest.sites).length > 1)).toBe(true);
});

test('a manifest for CUDA knows no variants', () => {
  expect(JSON.stringify(cuda.manifest)).not.toContain('"variant');
  expect(checkManifest(cuda.manifest)).toEqual([]);
});

/** A change to the manifest, and the pointers of what is then wrong with it. */
const wrongs: readonly (readonly [string, (sound: Manifest) => Partial<Manifest>, RegExp])[] = [
  [
    'a bucket of no variant',
    ({ sites: [site, ...rest] }) => ({
      sites: [{ ...site!, buckets: site!.buckets.map(({ variant: _, ...bucket }) => bucket) }, ...rest],
    }),
    /^\/sites\/0\/buckets\/0\/variant$/,
  ],
  [
    'a site without buckets of a variant',
    ({ sites: [site, ...rest] }) => ({
      sites: [{ ...site!, buckets: site!.buckets.filter(({ variant }) => variant !== 'subgroups') }, ...rest],
    }),
    /^\/sites\/0\/buckets$/,
  ],
  [
    'a variant that says less than its kernels ask for',
    ({ target }) => ({
      target: {
        ...target,
        variants: webgpu.variants.map((variant) => ({ ...variant, features: [] })),
      } as Manifest['target'],
    }),
    /^\/kernels\/\d+\/resources$/,
  ],
  [
    'two variants of one name',
    ({ target }) => ({
      target: { ...target, variants: [...webgpu.variants, webgpu.variants[0]!] } as Manifest['target'],
    }),
    /^\/target\/variants\/\d+\/name$/,
  ],
];

test.each(wrongs)('%s is a fault', (_, change, pointer) => {
  expect(checkManifest(manifest)).toEqual([]);
  const faults = checkManifest({ ...manifest, ...change(manifest) });
  expect(faults.map((fault) => fault.pointer).filter((found) => pointer.test(found))).not.toEqual([]);
});
