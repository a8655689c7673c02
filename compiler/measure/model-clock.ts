import type { FamilyName, SpecOf } from '../../ir/kernel-spec.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { CountedFigures, CudaFamily } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import { succeed } from '../support/result.ts';
import type { CudaClock, ProvenKernel } from './cuda-candidates.ts';

/** No clock at all: the model's time, with ptxas's registers and the executor's counts in place of its assumptions. */
export function timeInModel(target: CudaTarget): CudaClock {
  return {
    async time(proven, { at }) {
      const { spec } = proven;
      const family = cudaFamilies[spec.family] as unknown as CudaFamily<FamilyName>;
      const own = spec as SpecOf<FamilyName, 'cuda'>;
      return succeed(family.estimate(own.problem, own.schedule, target, at, countedOf(proven)).microseconds);
    },
  };
}

function countedOf({ binary, verification }: ProvenKernel): CountedFigures {
  const { accesses } = verification;
  const total = (of: 'wavefronts' | 'idealWavefronts' | 'sectors' | 'idealSectors') =>
    accesses.reduce((sum, access) => sum + access[of], 0);
  const factor = (actual: number, ideal: number) => (ideal === 0 ? 1 : actual / ideal);
  return {
    registers: binary.resources.registers,
    sharedFactor: factor(total('wavefronts'), total('idealWavefronts')),
    sectorFactor: factor(total('sectors'), total('idealSectors')),
  };
}
