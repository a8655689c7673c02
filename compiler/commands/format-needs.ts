import type { DeviceNeeds } from '../../ir/device-needs.ts';

/** What a kernel or a variant asks of a WebGPU device. */
export function formatNeeds({ features, languageFeatures, leastSubgroupSize }: DeviceNeeds): string {
  const subgroups = leastSubgroupSize > 1 ? [`subgroups of at least ${leastSubgroupSize}`] : [];
  const needed = [...features, ...subgroups, ...languageFeatures];
  return needed.length === 0 ? 'nothing beyond the base of WebGPU' : needed.join(', ');
}
