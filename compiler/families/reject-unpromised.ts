import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { Target } from '../../targets/target.ts';
import type { Rejection } from './family.ts';

/** The first of a schedule's needs that `target` does not promise; undefined if it promises them all. */
export function rejectUnpromised(
  needs: DeviceNeeds,
  { id, promised }: Pick<Target, 'id' | 'promised'>,
): Rejection | undefined {
  const missing =
    needs.features.find((feature) => !promised.features.includes(feature)) ??
    needs.languageFeatures.find((feature) => !promised.languageFeatures.includes(feature));
  if (missing !== undefined)
    return { kind: 'feature not promised', reason: () => `${id} does not promise ${missing}` };
  if (needs.leastSubgroupSize > promised.leastSubgroupSize) {
    const { leastSubgroupSize: least } = promised;
    return {
      kind: 'subgroup too large',
      reason: () => `subgroups of ${needs.leastSubgroupSize}, ${id} promises ${least} invocations`,
    };
  }
  return undefined;
}
