import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { TimedAdapter } from './adapter-timer.ts';

/** What kernels may ask of an adapter. Where it does not tell the size of its subgroups, WebGPU's least holds. */
export function promisesOf(adapter: TimedAdapter): DeviceNeeds {
  const { features, languageFeatures, subgroupMinSize = 4 } = adapter;
  return {
    features,
    languageFeatures,
    leastSubgroupSize: features.includes('subgroups') ? subgroupMinSize : 1,
  };
}
