import type { QuantizeProblem } from '../../../ir/problem.ts';
import type { QuantizeSchedule } from '../../../ir/schedule.ts';
import { registerCap } from '../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../targets/target.ts';
import { ceilDiv, roundUp } from '../../support/integer.ts';
import type { Rejection, ResourceEstimate } from '../family.ts';
import { quantizeGeometry, quantizeSharedBytes } from './geometry.ts';

const threadCounts = [32, 64, 128, 256, 512, 1024];

/** Vectors a thread handles in unrolled code, beyond which more threads are taken: the body grows with each. */
const longestUnroll = 4;

/** Every schedule of the space, legal or not. */
export function* enumerateQuantize(): Iterable<QuantizeSchedule> {
  for (const threads of threadCounts) yield { kind: 'row', threads };
}

/** Vectors of 16-bit values that a thread holds. */
export function vectorsPerThread(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  return ceilDiv(ceilDiv(problem.k, quantizeGeometry(problem).vector), schedule.threads);
}

/** The first reason why `schedule` cannot serve `problem`; undefined if it can. */
export function rejectQuantize(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule,
  target: CudaTarget,
): Rejection | undefined {
  const needed = registersNeeded(problem, schedule);
  const cap = quantizeResources(problem, schedule, target).registers;
  if (needed > cap) {
    return {
      kind: 'registers',
      reason: () => `${needed} registers to hold a thread's part of the row, ${cap} there`,
    };
  }
  const vectors = vectorsPerThread(problem, schedule);
  if (vectors > longestUnroll && schedule.threads < 1024) {
    return {
      kind: 'unrolled too far',
      reason: () => `${vectors} vectors a thread, each with its own search`,
    };
  }
  if (
    schedule.threads > 32 &&
    vectorsPerThread(problem, { ...schedule, threads: schedule.threads / 2 }) === 1
  ) {
    return {
      kind: 'idle threads',
      reason: () => `half of ${schedule.threads} threads already hold the whole row`,
    };
  }
  return undefined;
}

/** Registers for the row's part, twice for [gate | up], and what the phases need beside it. Fitted to ptxas 13.0. */
function registersNeeded(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  const words =
    Math.max(1, quantizeGeometry(problem).vector / 2) * (problem.prologue.op === 'silu-mul' ? 2 : 1);
  return vectorsPerThread(problem, schedule) * words + 28;
}

export function quantizeResources(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule,
  target: CudaTarget,
): ResourceEstimate {
  const scratch = roundUp(3 * 4 * (schedule.threads / 32), 16); // as ptxas aligns it
  return {
    threads: schedule.threads,
    registers: registerCap(schedule.threads, 1, target),
    sharedBytes: quantizeSharedBytes(problem) + scratch,
  };
}
