import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { FamilyTable } from '../families/family.ts';
import type { KernelSource } from './kernel-source.ts';

/** FP32 division by the zero-checked quotient is a subroutine of a quantize kernel; a linear divides nowhere. */
const callsAllowed = { linear: 0, quantize: 4 } as const;

/** A rendered kernel as a unit to build, with what its machine code must consist of. */
export function toKernelSource(
  { id, spec }: ScheduledKernel,
  text: string,
  families: FamilyTable,
  target: CudaTarget,
): KernelSource {
  const family = families[spec.family];
  const { imma, hmma } = family.staticMma(spec);
  const { registers } = family.resources(spec.problem, spec.schedule, target);
  return {
    id,
    text,
    virtualArch: target.virtualArch,
    realArchs: [target.realArch],
    gate: {
      mma: { IMMA: imma, HMMA: hmma },
      calls: callsAllowed[spec.family],
      maxRegisters: registers,
    },
  };
}
