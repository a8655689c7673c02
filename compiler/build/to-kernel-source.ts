import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { CudaFamilyTable } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import type { KernelSource } from './kernel-source.ts';

/** A rendered kernel as a unit to build, with what its machine code must consist of. */
export function toKernelSource(
  { id, spec }: ScheduledKernel,
  texts: ReadonlyMap<string, string>,
  target: CudaTarget,
): KernelSource {
  const families: CudaFamilyTable = cudaFamilies;
  const own = spec as KernelSpec<'cuda'>;
  const family = families[own.family];
  const text = texts.get(id);
  assert(text !== undefined, `${id} was rendered`);
  const { imma, hmma } = family.staticMma(own);
  const { registerCap, sharedBytes } = family.resources(own.problem, own.schedule, target);
  return {
    id,
    text,
    virtualArch: target.virtualArch,
    realArchs: [target.realArch],
    gate: {
      mma: { IMMA: imma, HMMA: hmma },
      calls: family.callsAllowed,
      maxRegisters: registerCap,
      staticSharedBytes: sharedBytes - family.contract(own).launch.dynamicSharedBytes,
    },
  };
}
