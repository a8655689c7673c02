import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { WorkgroupRowSchedule } from '../../../../ir/schedule.ts';
import type { WgslTarget } from '../../../../targets/target.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { Rejection } from '../../family.ts';

/** Every schedule of the space: powers of two, since rows are reduced in a tree. */
export function* enumerateWorkgroupRows(): Iterable<WorkgroupRowSchedule> {
  for (const threads of [32, 64, 128, 256]) yield { kind: 'workgroup-row', threads };
}

/** Workgroup memory: per 32 columns a word of bits and a count, a pair a thread to reduce with, one flag. */
export function workgroupBytes({ k }: QuantizeProblem, { threads }: WorkgroupRowSchedule): number {
  return (2 * ceilDiv(k, 32) + 1) * 4 + threads * 8 + 4;
}

/** The first reason why `schedule` cannot serve `problem`; undefined if it can. */
export function rejectWorkgroupRow(
  problem: QuantizeProblem,
  schedule: WorkgroupRowSchedule,
  target: WgslTarget,
): Rejection | undefined {
  const bytes = workgroupBytes(problem, schedule);
  const most = target.limits.workgroupStorageBytes;
  return bytes <= most
    ? undefined
    : { kind: 'workgroup memory', reason: () => `${bytes} bytes, ${most} may be asked for` };
}
