import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type BundleContents, bundleContents } from '../../../compiler/commands/bundle-contents.ts';
import { inspect } from '../../../compiler/commands/inspect.ts';
import { writeBundle } from '../../../compiler/package/write-bundle.ts';
import type { Manifest } from '../../../ir/manifest.ts';
import { sm80 } from '../../../targets/sm80.ts';
import type { Target } from '../../../targets/target.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';
import { runCommand } from './run-command.ts';

const root = mkdtempSync(join(tmpdir(), 'quikc inspect bundle '));
afterAll(() => rmSync(root, { recursive: true }));

async function bundleFor(target: Target, name: string): Promise<{ folder: string; manifest: Manifest }> {
  const { files, manifest } = await compileFixture(tinyLlama, { target });
  const folder = join(root, name);
  writeBundle(folder, files);
  return { folder, manifest };
}

async function contentsOf(folder: string): Promise<BundleContents> {
  const { code, out } = await runCommand((context) => inspect(folder, { json: true }, context));
  if (code !== 0) throw new Error(out);
  return JSON.parse(out);
}

const wgsl = await bundleFor(webgpu, 'wgsl');
const cuda = await bundleFor(sm80, 'cuda');

describe.each([
  ['webgpu', wgsl],
  ['sm80', cuda],
])('a bundle for %s', async (id, { folder, manifest }) => {
  const contents = await contentsOf(folder);

  test('is told by its target, its variants and what they need', () => {
    expect(contents.target).toEqual(JSON.parse(JSON.stringify(manifest.target)));
    expect(contents.kernels).toBe(manifest.kernels.length);
    const names = contents.variants.map(({ name }) => name);
    expect(names).toEqual(id === 'webgpu' ? webgpu.variants.map(({ name }) => name) : []);
    for (const { kernels } of contents.variants) expect(kernels).toBeGreaterThan(3);
  });

  test('has of each site the kernels that its buckets launch, for every M', () => {
    const covers = (m: number) => (range: { readonly from: number; readonly to?: number }) =>
      range.from <= m && m <= (range.to ?? m);
    const variants = contents.variants.length === 0 ? [undefined] : contents.variants.map(({ name }) => name);
    for (const { id: site, buckets } of manifest.sites) {
      const { launches } = contents.sites.find((each) => each.id === site)!;
      for (const variant of variants) {
        for (const m of [1, 2, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 512, 513, 5000]) {
          const bucket = buckets.find((each) => each.variant === variant && covers(m)(each))!;
          const told = launches.filter(
            (launch) => covers(m)(launch) && (variant === undefined || launch.variants.includes(variant)),
          );
          expect(told.map(({ kernel }) => kernel).sort()).toEqual(
            bucket.launches.map(({ kernel }) => kernel).sort(),
          );
        }
      }
      // Buckets side by side that launch the same are one range.
      const quantizes = launches.filter(({ kernel }) => kernel.includes('_quantize_'));
      expect(quantizes.every(({ from, to }) => from === 1 && to === undefined)).toBe(true);
    }
  });

  test('adds up the bytes of its files, and of the weights once packed', () => {
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(folder, path)).isFile())
      .filter((path) => path !== 'SHA256SUMS');
    expect(contents.files).toBe(paths.length);
    expect(contents.bytes.files).toBe(
      paths.reduce((sum, path) => sum + statSync(join(folder, path)).size, 0),
    );
    const weights = manifest.layers.flatMap(({ arguments: packed, repeat }) =>
      packed.map(({ bytes }) => bytes * (repeat?.count ?? 1)),
    );
    expect(contents.bytes.weights).toBe(weights.reduce((sum, bytes) => sum + bytes, 0));
  });

  test('reads as tables', async () => {
    const { code, out, err } = await runCommand((context) => inspect(folder, {}, context));
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      new RegExp(`^tiny-llama  f16  for ${id}, modelled as .*: ${contents.kernels} kernels`),
    );
    for (const { id: kernel } of manifest.kernels) expect(out).toContain(kernel);
    for (const { name } of manifest.layers) expect(out).toContain(name);
    expect(/variants?$/m.test(out)).toBe(id === 'webgpu');
    expect(/dispatches +shards +tokens at once/.test(out)).toBe(id === 'webgpu');
  });
});

test('packed weights that no binding holds are told in shards, whatever is bound beside them', () => {
  const { manifest, folder } = wgsl;
  const linear = manifest.kernels.find(({ family }) => family === 'linear')!;
  const [dispatch] = linear.dispatches!;
  // Two shards of weights and outlier weights, and a second entry point that reads neither.
  const shard = (offset: number) => ({
    ...dispatch!,
    buffers: dispatch!.buffers.map((bound) =>
      ['weights', 'outlier_weights'].includes(bound.argument)
        ? { ...bound, range: { offset, bytes: 4096 } }
        : bound,
    ),
  });
  const finish = { ...dispatch!, entryPoint: 'finish', buffers: [] };
  const dispatches = [shard(0), shard(4096), finish];
  const kernels = manifest.kernels.map((kernel) =>
    kernel === linear ? { ...linear, dispatches, tokensAtOnce: 77 } : kernel,
  );
  const { sites } = bundleContents({ folder, manifest: { ...manifest, kernels }, files: new Map() });
  const told = sites.flatMap(({ launches }) => launches);
  const own = told.filter(({ kernel }) => kernel === linear.id);
  expect(own.length).toBeGreaterThan(0);
  for (const launch of own) expect(launch).toMatchObject({ dispatches: 3, shards: 2, tokensAtOnce: 77 });
  for (const launch of told) if (!own.includes(launch)) expect(launch.shards).toBe(1);
});

describe('what inspect refuses of a bundle', () => {
  test('an option that changes how a model is compiled', async () => {
    const { code, err } = await runCommand((context) => inspect(wgsl.folder, { scheme: 'quik-8b' }, context));
    expect([code, err.includes('QK568'), err.includes('--scheme')]).toEqual([2, true, true]);
  });

  test('one that was altered', async () => {
    const { folder } = await bundleFor(sm80, 'altered');
    writeFileSync(join(folder, 'manifest.json'), '{}');
    const { code, err } = await runCommand((context) => inspect(folder, {}, context));
    expect([code, err.includes('QK561')]).toEqual([1, true]);
  });
});

test('a folder that describes a model is one, whatever else lies in it', async () => {
  const folder = mkdtempSync(join(root, 'model '));
  writeFileSync(join(folder, 'manifest.json'), '{}');
  writeFileSync(join(folder, 'model.json'), '{}');
  const { err } = await runCommand((context) => inspect(folder, {}, context));
  expect(err).toContain('model.json');
  expect(err).not.toContain('QK56');
});
