import type { CudaResources } from '../../ir/manifest.ts';
import { residentCtas } from '../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { BuiltResources, MmaExpectation, ResourceEstimate } from './family.ts';

/** A CUDA kernel's resources as the manifest has them: by ptxas where it was built, else by the launch bounds. */
export function describeCudaResources(
  { threads, registers, registerCap, sharedBytes }: ResourceEstimate,
  { imma, hmma }: MmaExpectation,
  dynamicSharedBytes: number,
  target: CudaTarget,
  built: BuiltResources | undefined,
): CudaResources {
  const used = built?.registers ?? registerCap;
  const resident = residentCtas({ threads, registers: used, sharedBytes }, target);
  return {
    dialect: 'cuda',
    threads,
    dynamicSharedBytes,
    estimated: { registers, registerCap, sharedBytes },
    residentCtas: resident,
    occupancyPercent: Math.round((100 * resident * threads) / target.limits.threadsPerSm),
    mma: { imma, hmma },
    ...(built === undefined ? {} : { built }),
  };
}
