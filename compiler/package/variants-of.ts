import type { ManifestSite } from '../../ir/manifest.ts';

/** Names of the variants whose buckets launch a kernel, in their order; none for CUDA. */
export function variantsOf(kernel: string, sites: readonly ManifestSite[]): readonly string[] {
  const launching = sites.flatMap(({ buckets }) =>
    buckets.filter(({ launches }) => launches.some((launch) => launch.kernel === kernel)),
  );
  return [...new Set(launching.flatMap(({ variant }) => (variant === undefined ? [] : [variant])))];
}
