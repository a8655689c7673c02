import type { DeviceNeeds } from '../../../../ir/device-needs.ts';
import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { WorkgroupRowSchedule } from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { Rejection } from '../../family.ts';
import { rejectUnpromised } from '../../reject-unpromised.ts';

/**
 * Every schedule of the space: powers of two, since rows are reduced in a tree. What asks for more of a device comes
 * first, and wins where times are equal.
 */
export function* enumerateWorkgroupRows(): Iterable<WorkgroupRowSchedule> {
  for (const reduce of ['subgroup', 'workgroup'] as const) {
    for (const threads of [32, 64, 128, 256]) yield { kind: 'workgroup-row', threads, reduce };
  }
}

/** What a schedule's kernel asks of a device. */
export function quantizeNeeds(schedule: WorkgroupRowSchedule): DeviceNeeds {
  return schedule.reduce === 'subgroup'
    ? { features: ['subgroups'], languageFeatures: [], leastSubgroupSize: 4 }
    : { features: [], languageFeatures: [], leastSubgroupSize: 1 };
}

/**
 * Workgroup memory: per 32 columns a word of bits and a count, a pair a thread to reduce with, one flag; and a bit a thread
 * where subgroups have places there.
 */
export function workgroupBytes({ k }: QuantizeProblem, { threads, reduce }: WorkgroupRowSchedule): number {
  const places = reduce === 'subgroup' ? threads / 8 : 0;
  return (2 * ceilDiv(k, 32) + 1) * 4 + threads * 8 + 4 + places;
}

/** The first reason why `schedule` cannot serve `problem`; undefined if it can. */
export function rejectWorkgroupRow(
  problem: QuantizeProblem,
  schedule: WorkgroupRowSchedule,
  target: WgslTarget,
): Rejection | undefined {
  const unpromised = rejectUnpromised(quantizeNeeds(schedule), target);
  if (unpromised !== undefined) return unpromised;
  const bytes = workgroupBytes(problem, schedule);
  const most = target.limits.workgroupStorageBytes;
  return bytes <= most
    ? undefined
    : { kind: 'workgroup memory', reason: () => `${bytes} bytes, ${most} may be asked for` };
}
