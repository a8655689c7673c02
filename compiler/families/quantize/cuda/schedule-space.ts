import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { QuantizeSchedule } from '../../../../ir/schedule.ts';
import { registerCap, residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { ceilDiv, roundUp } from '../../../support/integer.ts';
import type { Rejection, ResourceEstimate } from '../../family.ts';
import { quantizeGeometry, quantizeSharedBytes } from '../geometry.ts';

const threadCounts = [32, 64, 128, 256, 512, 1024];
const mostThreads = 1024;

/** Vectors a thread handles in unrolled code, beyond which more threads are taken: the body grows with each. */
const longestUnroll = 4;

const residencies = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32];

/** Every schedule of the space, legal or not. */
export function* enumerateQuantize(): Iterable<QuantizeSchedule> {
  for (const threads of threadCounts) {
    for (const ctasPerSm of residencies) yield { kind: 'row', threads, ctasPerSm };
  }
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
  const resources = quantizeResources(problem, schedule, target);
  const { registers, registerCap } = resources;
  if (registers > registerCap) {
    return {
      kind: 'registers',
      reason: () =>
        `${registers} registers to hold a thread's part of the row, ${registerCap} there for ${schedule.ctasPerSm} CTAs an SM`,
    };
  }
  const resident = residentCtas({ ...resources, registers: registerCap }, target);
  if (resident < schedule.ctasPerSm) {
    return { kind: 'residency', reason: () => `${schedule.ctasPerSm} CTAs an SM wanted, ${resident} fit` };
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

/**
 * Registers below which ptxas 13.0 spills, fitted to compiled schedules (bench/register-fit.md): the row's part, twice for
 * [gate | up], and what the phases need beside it. The norm keeps values in FP32 beside their 16-bit form for a while.
 */
function registersNeeded(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  const { op } = problem.prologue;
  const words = Math.max(1, quantizeGeometry(problem).vector / 2) * (op === 'silu-mul' ? 2 : 1);
  const row = vectorsPerThread(problem, schedule) * words;
  return Math.max(leastRegisters, op === 'rms-norm' ? Math.ceil(1.5 * row) + 24 : row + 28);
}

/** Of the shortest rows: with 32 a thread, every one of them spilled. */
const leastRegisters = 33;

/** Whether the most threads there may be hold a row without spilling. */
export function holdsRow(problem: QuantizeProblem, target: CudaTarget): boolean {
  const schedule = { kind: 'row', threads: mostThreads, ctasPerSm: 1 } as const;
  return registersNeeded(problem, schedule) <= registerCap(mostThreads, 1, target);
}

/** The longest row with this prologue that can be held, a multiple of 8 columns: shorter vectors hold less. */
export function longestRow(problem: QuantizeProblem, target: CudaTarget): number {
  let k = 8 * mostThreads;
  while (holdsRow({ ...problem, k: k + 8 * mostThreads }, target)) k += 8 * mostThreads;
  return k;
}

export function quantizeResources(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule,
  target: CudaTarget,
): ResourceEstimate {
  const scratch = roundUp(3 * 4 * (schedule.threads / 32), 16); // as ptxas aligns it
  return {
    threads: schedule.threads,
    registers: registersNeeded(problem, schedule),
    registerCap: registerCap(schedule.threads, schedule.ctasPerSm, target),
    sharedBytes: quantizeSharedBytes(problem) + scratch,
  };
}
