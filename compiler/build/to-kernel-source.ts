import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { FamilyTable } from '../families/family.ts';
import { assert } from '../support/assert.ts';
import type { KernelSource } from './kernel-source.ts';

/** A rendered kernel as a unit to build, with what its machine code must consist of. */
export function toKernelSource(
  { id, spec }: ScheduledKernel,
  texts: ReadonlyMap<string, string>,
  families: FamilyTable,
  target: CudaTarget,
): KernelSource {
  const family = families[spec.family];
  const text = texts.get(id);
  assert(text !== undefined, `${id} was rendered`);
  const { imma, hmma } = family.staticMma(spec);
  const { registerCap, sharedBytes } = family.resources(spec.problem, spec.schedule, target);
  return {
    id,
    text,
    virtualArch: target.virtualArch,
    realArchs: [target.realArch],
    gate: {
      mma: { IMMA: imma, HMMA: hmma },
      calls: family.callsAllowed,
      maxRegisters: registerCap,
      staticSharedBytes: sharedBytes - family.contract(spec).launch.dynamicSharedBytes,
    },
  };
}
