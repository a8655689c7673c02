import type { CudaResources, ManifestResources, WgslResources } from '../../ir/manifest.ts';
import { formatCount } from '../support/format-count.ts';
import { formatNeeds } from './format-needs.ts';

type Fact = readonly [label: string, text: string];

/** What a kernel takes and asks for, line by line. */
export function describeResources(resources: ManifestResources): readonly Fact[] {
  switch (resources.dialect) {
    case 'cuda':
      return cudaFacts(resources);
    case 'wgsl':
      return wgslFacts(resources);
  }
}

/** The two figures of it that a table has room for. */
export function summariseResources(resources: ManifestResources): {
  readonly registers: string;
  readonly sharedBytes: number;
} {
  switch (resources.dialect) {
    case 'cuda': {
      const { built, estimated, dynamicSharedBytes } = resources;
      return built === undefined
        ? { registers: `<= ${estimated.registerCap}`, sharedBytes: estimated.sharedBytes }
        : { registers: `${built.registers}`, sharedBytes: dynamicSharedBytes + built.staticSharedBytes };
    }
    case 'wgsl':
      return { registers: '-', sharedBytes: resources.workgroupBytes };
  }
}

function cudaFacts(resources: CudaResources): readonly Fact[] {
  const { threads, estimated, built, dynamicSharedBytes, residentCtas, occupancyPercent, mma } = resources;
  return [
    [
      'registers',
      built === undefined
        ? `${estimated.registers} a thread or more (estimate; not built), ${estimated.registerCap} at most`
        : `${built.registers} a thread by ptxas, ${built.spillStoreBytes} bytes spilled; ${estimated.registers} needed by estimate, ${estimated.registerCap} at most`,
    ],
    [
      'shared memory',
      built === undefined
        ? `${formatCount(estimated.sharedBytes)} bytes (estimate; not built)`
        : `${formatCount(dynamicSharedBytes + built.staticSharedBytes)} bytes: ${formatCount(dynamicSharedBytes)} dynamic, ${built.staticSharedBytes} static; ${formatCount(estimated.sharedBytes)} estimated`,
    ],
    ['occupancy', `${residentCtas} CTAs of ${threads} threads an SM, ${occupancyPercent} % of its threads`],
    ['tensor cores', `${mma.imma} IMMA and ${mma.hmma} HMMA instructions in the text`],
  ];
}

function wgslFacts(resources: WgslResources): readonly Fact[] {
  const { threads, workgroupBytes, storageBuffers } = resources;
  return [
    ['workgroup', `${threads} invocations, ${formatCount(workgroupBytes)} bytes of memory`],
    ['bindings', `${storageBuffers} storage buffers and one uniform`],
    ['needs', formatNeeds(resources)],
  ];
}
