import { sm80 } from './sm80.ts';
import type { CudaTarget } from './target.ts';

/** Every target that quikc has data for, by id. */
export const targets: readonly CudaTarget[] = [sm80];

export function findTarget(id: string): CudaTarget | undefined {
  return targets.find((target) => target.id === id);
}
