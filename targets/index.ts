import { sm80 } from './sm80.ts';
import { sm90 } from './sm90.ts';
import type { Target } from './target.ts';
import { webgpu } from './webgpu.ts';

/** Every target that quikc has data for, by id. */
export const targets: readonly Target[] = [sm80, sm90, webgpu];

export function findTarget(id: string): Target | undefined {
  return targets.find((target) => target.id === id);
}
