import type { DeviceNeeds, Variant } from '../../../ir/device-needs.ts';
import { evaluate } from '../../../ir/formula.ts';
import type { ManifestKernel, WgslResources } from '../../../ir/manifest.ts';
import { dependsOnTokens } from './format-formula.ts';

/** What a variant's device must have, limits included. */
export interface PackageNeeds extends DeviceNeeds {
  /** By WebGPU's names. Buffers that grow with M are not in it. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What a device must have so that it runs every one of a variant's kernels. */
export function packageNeeds(
  { features, languageFeatures, leastSubgroupSize }: Variant,
  kernels: readonly ManifestKernel[],
): PackageNeeds {
  const resources = kernels.flatMap((kernel) =>
    kernel.resources.dialect === 'wgsl' ? [kernel.resources] : [],
  );
  const most = (of: (kernel: WgslResources) => number) => Math.max(0, ...resources.map(of));
  const block = (axis: 0 | 1 | 2) => Math.max(1, ...kernels.map(({ launch }) => launch.block[axis]));
  const bytes = Math.max(4, ...kernels.flatMap(fixedBytes));
  return {
    ...{ features, languageFeatures, leastSubgroupSize },
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
