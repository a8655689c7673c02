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
  const dispatches = kernels.flatMap((kernel) => kernel.dispatches ?? []);
  const block = (axis: 0 | 1 | 2) => Math.max(1, ...dispatches.map((dispatch) => dispatch.block[axis]));
  const sizes = kernels.map((kernel) => ({ kernel, fixed: fixedBytes(kernel) }));
  const bound = sizes.flatMap(({ kernel, fixed }) =>
    (kernel.dispatches ?? []).flatMap(({ buffers }) =>
      buffers.map(({ argument, range }) => range?.bytes ?? fixed.get(argument) ?? 0),
    ),
  );
  return {
    ...{ features, languageFeatures, leastSubgroupSize },
    limits: {
      maxStorageBuffersPerShaderStage: most(({ storageBuffers }) => storageBuffers),
      maxComputeWorkgroupStorageSize: most(({ workgroupBytes }) => workgroupBytes),
      maxComputeInvocationsPerWorkgroup: most(({ threads }) => threads),
      maxComputeWorkgroupSizeX: block(0),
      maxComputeWorkgroupSizeY: block(1),
      maxComputeWorkgroupSizeZ: block(2),
      maxStorageBufferBindingSize: Math.max(4, ...bound),
      maxBufferSize: Math.max(4, ...sizes.flatMap(({ fixed }) => [...fixed.values()])),
    },
  };
}

/** Of the arguments that do not grow with M. */
function fixedBytes(kernel: ManifestKernel): ReadonlyMap<string, number> {
  return new Map(
    kernel.arguments.flatMap((argument) =>
      argument.kind === 'buffer' && !dependsOnTokens(argument.bytes)
        ? [[argument.name, evaluate(argument.bytes, 0)] as const]
        : [],
    ),
  );
}
