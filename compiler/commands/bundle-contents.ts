import type { Variant } from '../../ir/device-needs.ts';
import { evaluate } from '../../ir/formula.ts';
import type { Manifest, ManifestKernel, ManifestLayer, ManifestSite } from '../../ir/manifest.ts';
import type { Bucket } from '../../ir/plan.ts';
import type { Bundle } from '../package/read-bundle.ts';

/** Token counts for which memory is told. */
const toldTokens = [1, 2048] as const;

/** What a bundle holds, by its manifest. */
export interface BundleContents
  extends Pick<Manifest, 'model' | 'dtype' | 'target' | 'built' | 'toolchain' | 'provenance'> {
  readonly kernels: number;
  /** Variants of the target with their kernels; none where it has one set for every device. */
  readonly variants: readonly (Variant & { readonly kernels: number })[];
  readonly sites: readonly SiteContents[];
  readonly layers: readonly LayerContents[];
  readonly bytes: {
    /** Of the packed weights of all layers, which the bundle says how to make and does not hold. */
    readonly weights: number;
    readonly workspace: number;
    /** Most bytes of activations at once. */
    readonly activations: readonly { readonly tokens: number; readonly bytes: number }[];
    readonly files: number;
  };
  /** But SHA256SUMS. */
  readonly files: number;
}

export interface SiteContents {
  readonly id: string;
  readonly launches: readonly KernelLaunch[];
}

/** A kernel over a range of M that some variants launch at a site. */
export interface KernelLaunch {
  readonly kernel: string;
  readonly from: number;
  readonly to?: number;
  readonly variants: readonly string[];
  /** Of one launch, and the parts of the packed weights that they take in turn; absent in a language without. */
  readonly dispatches?: number;
  readonly shards?: number;
  /** More tokens are several launches. */
  readonly tokensAtOnce?: number;
  /** Of its files. */
  readonly bytes: number;
}

export interface LayerContents extends Pick<ManifestLayer, 'name' | 'site' | 'n' | 'k' | 'bits'> {
  readonly outliers: number;
  /** Layers of the model that are packed so, and bytes of one. */
  readonly count: number;
  readonly bytes: number;
}

/** What a bundle's manifest says of it. */
export function bundleContents({ manifest, files }: Bundle): BundleContents {
  const { model, dtype, target, built, toolchain, provenance, kernels, sites, plan } = manifest;
  const layers = manifest.layers.map(toLayer);
  return {
    ...{ model, dtype, target, built, ...(toolchain === undefined ? {} : { toolchain }), provenance },
    kernels: kernels.length,
    variants: (target.variants ?? []).map((variant) => ({
      ...variant,
      kernels: launchedBy(variant.name, sites).size,
    })),
    sites: sites.map((site) => ({ id: site.id, launches: launchesAt(site, kernels) })),
    layers,
    bytes: {
      weights: layers.reduce((sum, layer) => sum + layer.count * layer.bytes, 0),
      workspace: plan.workspaceBytes,
      activations: toldTokens.map((tokens) => ({ tokens, bytes: evaluate(plan.peakBytes, tokens) })),
      files: [...files.values()].reduce((sum, { length }) => sum + length, 0),
    },
    files: files.size,
  };
}

function launchedBy(variant: string, sites: readonly ManifestSite[]): ReadonlySet<string> {
  const buckets = sites.flatMap((site) => site.buckets.filter((bucket) => bucket.variant === variant));
  return new Set(buckets.flatMap(({ launches }) => launches.map(({ kernel }) => kernel)));
}

/** Each kernel that a site launches, over every range of M: buckets side by side that launch it are one. */
function launchesAt({ buckets }: ManifestSite, kernels: readonly ManifestKernel[]): readonly KernelLaunch[] {
  const most = Math.max(0, ...buckets.map(({ launches }) => launches.length));
  const positions = Array.from({ length: most }, (_, position) => position);
  const ids = positions.flatMap((at) => buckets.flatMap(({ launches }) => launches[at]?.kernel ?? []));
  return [...new Set(ids)].flatMap((id) => {
    const kernel = kernels.find((known) => known.id === id);
    if (kernel === undefined) return [];
    const launching = buckets.filter(({ launches }) => launches.some((launch) => launch.kernel === id));
    return rangesOf(launching).map((range) => ({ kernel: id, ...range, ...describeLaunch(kernel) }));
  });
}

type LaunchedRange = Pick<KernelLaunch, 'from' | 'to' | 'variants'>;

function rangesOf(buckets: readonly Bucket[]): readonly LaunchedRange[] {
  const ranges = new Map<string, LaunchedRange>();
  for (const variant of new Set(buckets.map((bucket) => bucket.variant))) {
    for (const { from, to } of joinRanges(buckets.filter((bucket) => bucket.variant === variant))) {
      const before = ranges.get(`${from} ${to}`)?.variants ?? [];
      const variants = variant === undefined ? before : [...before, variant];
      ranges.set(`${from} ${to}`, { from, ...(to === undefined ? {} : { to }), variants });
    }
  }
  return [...ranges.values()].sort((a, b) => a.from - b.from);
}

function joinRanges(buckets: readonly Bucket[]): readonly Pick<Bucket, 'from' | 'to'>[] {
  const joined: Pick<Bucket, 'from' | 'to'>[] = [];
  for (const { from, to } of [...buckets].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    const start = last?.to !== undefined && last.to + 1 === from ? joined.pop()?.from : undefined;
    joined.push({ from: start ?? from, ...(to === undefined ? {} : { to }) });
  }
  return joined;
}

function describeLaunch({ dispatches, tokensAtOnce, files }: ManifestKernel) {
  const { source, ptx, cubin } = files;
  const bytes = [source, ptx, cubin].reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
  if (dispatches === undefined) return { bytes };
  const shards = dispatches.flatMap(({ buffers }) =>
    buffers.flatMap(({ argument, range }) => (argument === 'weights' && range ? [range.offset] : [])),
  );
  return {
    dispatches: dispatches.length,
    shards: Math.max(1, new Set(shards).size),
    ...(tokensAtOnce === undefined ? {} : { tokensAtOnce }),
    bytes,
  };
}

function toLayer({
  name,
  site,
  n,
  k,
  bits,
  outliers,
  repeat,
  arguments: packed,
}: ManifestLayer): LayerContents {
  const bytes = packed.reduce((sum, argument) => sum + argument.bytes, 0);
  return { name, site, n, k, bits, outliers: outliers.count, count: repeat?.count ?? 1, bytes };
}
