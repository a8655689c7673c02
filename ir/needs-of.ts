import { type DeviceNeeds, noNeeds } from './device-needs.ts';
import type { ManifestResources } from './manifest.ts';

/** What a kernel asks of a device beyond its language's core: nothing, in a language whose kernels have no such field. */
export function needsOf(resources: ManifestResources): DeviceNeeds {
  if (!('features' in resources)) return noNeeds;
  const { features, languageFeatures, leastSubgroupSize } = resources;
  return { features, languageFeatures, leastSubgroupSize };
}
