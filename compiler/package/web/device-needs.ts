import { evaluate } from '../../../ir/formula.ts';
import type { ManifestKernel, WgslResources } from '../../../ir/manifest.ts';
import { dependsOnTokens } from './format-formula.ts';

export interface DeviceNeeds {
  readonly features: readonly string[];
  readonly languageFeatures: readonly string[];
  /** By WebGPU's names. Buffers that grow with M are not in it. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What a device must have so that it runs every one of some kernels. */
export function deviceNeeds(kernels: readonly ManifestKernel[]): DeviceNeeds {
  const resources = kernels.flatMap((kernel) =>
    kernel.resources.dialect === 'wgsl' ? [kernel.resources] : [],
  );
  const most = (of: (kernel: WgslResources) => number) => Math.max(0, ...resources.map(of));
  const block = (axis: 0 | 1 | 2) => Math.max(1, ...kernels.map(({ launch }) => launch.block[axis]));
  const bytes = Math.max(4, ...kernels.flatMap(fixedBytes));
  return {
    features: distinct(resources.flatMap(({ features }) => features)),
    languageFeatures: distinct(resources.flatMap(({ languageFeatures }) => languageFeatures)),
    limits: {
      maxStorageBuffersPerShaderStage: most(({ storageBuffers }) => storageBuffers),
      maxComputeWorkgroupStorageSize: most(({ workgroupBytes }) => workgroupBytes),
      maxComputeInvocationsPerWorkgroup: most(({ threads }) => threads),
      maxComputeWorkgroupSizeX: block(0),
      maxComputeWorkgroupSizeY: block(1),
      maxComputeWorkgroupSizeZ: block(2),
      maxStorageBufferBindingSize: bytes,
      maxBufferSize: bytes,
    },
  };
}

function fixedBytes(kernel: ManifestKernel): readonly number[] {
  return kernel.arguments.flatMap((argument) =>
    argument.kind === 'buffer' && !dependsOnTokens(argument.bytes) ? [evaluate(argument.bytes, 0)] : [],
  );
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
