import type { Variant } from '../../../ir/device-needs.ts';
import type { ActivationDtype } from '../../../ir/dtype.ts';
import type { Manifest, ManifestKernel, ManifestLayer, ManifestSite } from '../../../ir/manifest.ts';
import type { ProblemHash } from '../../../ir/plan.ts';
import { assert } from '../../support/assert.ts';
import { packedSpec } from '../packed-weights.ts';
import { type PackageNeeds, packageNeeds } from './package-needs.ts';

/** A bundle as the package for browsers tells it: sites, their linears by readable names, layers. */
export interface WebBundle {
  readonly model: string;
  readonly dtype: ActivationDtype;
  /** With the kernels of every variant: of one problem, they have the same buffers, but for workspaces. */
  readonly sites: readonly WebSite[];
  readonly variants: readonly WebVariant[];
  readonly layers: readonly WebLayer[];
}

/** Kernels for devices that have what `needs` says, and the sites with their kernels alone. */
export interface WebVariant {
  readonly name: string;
  readonly needs: PackageNeeds;
  readonly sites: readonly WebSite[];
}

export interface WebSite {
  readonly id: string;
  readonly quantize: WebLaunch;
  readonly linears: readonly WebLinear[];
}

/** Kernels by range of M, all of one problem, and so with the same buffers. */
export interface WebLaunch {
  readonly buckets: readonly {
    readonly from: number;
    readonly to?: number;
    readonly kernel: ManifestKernel;
  }[];
}

export interface WebLinear extends WebLaunch {
  /** Unique in its site. */
  readonly name: string;
  readonly layers: readonly ManifestLayer[];
}

export interface WebLayer {
  readonly layer: ManifestLayer;
  readonly linear: string;
  /** The model's name of it; in two parts where a layer's number goes between them. */
  readonly name: readonly [string] | readonly [string, string];
  /** What weights packed for it were packed for: equal for every target. */
  readonly spec: string;
}

export function describeWeb(manifest: Manifest): WebBundle {
  const kernels = new Map(manifest.kernels.map((kernel) => [kernel.id, kernel]));
  const sites = manifest.sites.map((site) => describeSite(site, manifest, kernels));
  const { target } = manifest;
  assert(target.dialect === 'wgsl', 'the package is for WebGPU');
  return {
    model: manifest.model,
    dtype: manifest.dtype,
    sites,
    variants: target.variants.map((variant) => describeVariant(variant, manifest, kernels)),
    layers: manifest.layers.map((layer) => describeLayer(layer, manifest, sites)),
  };
}

function describeVariant(
  variant: Variant,
  manifest: Manifest,
  kernels: ReadonlyMap<string, ManifestKernel>,
): WebVariant {
  const own = manifest.sites.map((site) => ({
    ...site,
    buckets: site.buckets.filter((bucket) => bucket.variant === variant.name),
  }));
  const launched = new Set(
    own.flatMap(({ buckets }) => buckets.flatMap(({ launches }) => launches.map(({ kernel }) => kernel))),
  );
  return {
    name: variant.name,
    needs: packageNeeds(
      variant,
      [...launched].flatMap((id) => kernels.get(id) ?? []),
    ),
    sites: own.map((site) => describeSite(site, manifest, kernels)),
  };
}

function describeSite(
  site: ManifestSite,
  { layers }: Manifest,
  kernels: ReadonlyMap<string, ManifestKernel>,
): WebSite {
  const launchOf = (problem: ProblemHash): WebLaunch => ({
    buckets: mergeEqual(
      site.buckets.map(({ from, to, launches }) => {
        const kernel = kernels.get(launches.find((launch) => launch.problem === problem)?.kernel ?? '');
        assert(kernel !== undefined, `every bucket of ${site.id} launches a kernel for each problem`);
        return { from, ...(to === undefined ? {} : { to }), kernel };
      }),
    ),
  });
  const [quantize] = site.buckets[0]?.launches ?? [];
  assert(quantize !== undefined, `${site.id} launches a quantize`);
  const linears = new Map<string, WebLinear>();
  for (const layer of layers.filter((candidate) => candidate.site === site.id)) {
    const name = linearName(layer, linears);
    const known = linears.get(name)?.layers ?? [];
    linears.set(name, { name, layers: [...known, layer], ...launchOf(layer.problem) });
  }
  return { id: site.id, quantize: launchOf(quantize.problem), linears: [...linears.values()] };
}

/** The last part of the node's name; where another problem has that, all of it. */
function linearName({ id, problem }: ManifestLayer, taken: ReadonlyMap<string, WebLinear>): string {
  const node = id.slice(id.indexOf('/') + 1);
  const candidates = [node.slice(node.lastIndexOf('.') + 1), node, id];
  const free = candidates.find((name) => {
    const holder = taken.get(name);
    return holder === undefined || holder.layers[0]?.problem === problem;
  });
  assert(free !== undefined, 'ids of layers are unique');
  return free;
}

/** Neighbours that a kernel serves become one range. */
function mergeEqual(buckets: WebLaunch['buckets']): WebLaunch['buckets'] {
  const merged: WebLaunch['buckets'][number][] = [];
  for (const bucket of buckets) {
    const last = merged.at(-1);
    if (last === undefined || last.kernel !== bucket.kernel) merged.push(bucket);
    else merged[merged.length - 1] = { ...bucket, from: last.from };
  }
  return merged;
}

function describeLayer(layer: ManifestLayer, manifest: Manifest, sites: readonly WebSite[]): WebLayer {
  const site = sites.find(({ id }) => id === layer.site);
  const linear = site?.linears.find(({ layers }) => layers.includes(layer));
  const block = manifest.plan.blocks.find(({ name }) => layer.id.startsWith(`${name}/`));
  assert(linear !== undefined && block !== undefined, `${layer.id} is a linear of its site and of a block`);
  const node = layer.id.slice(block.name.length + 1);
  const { n, k, bits, columnMode, outliers } = layer;
  return {
    layer,
    linear: linear.name,
    name:
      layer.repeat === undefined ? [layer.name] : [block.prefix === '' ? '' : `${block.prefix}.`, `.${node}`],
    spec: packedSpec({ bits, n, k, columnMode, outliers: outliers.count }, manifest.dtype),
  };
}
