import type { QuantizeProblem } from '../../../../ir/problem.ts';
import type { QuantizeSchedule } from '../../../../ir/schedule.ts';
import { registerCap, residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { ceilDiv, roundUp } from '../../../support/integer.ts';
import type { Rejection, ResourceEstimate } from '../../family.ts';
import { quantizeGeometry, quantizeSharedBytes } from '../geometry.ts';

const threadCounts = [32, 64, 128, 256, 512, 1024];
const mostThreads = 1024;

/** Values a thread handles in unrolled code, beyond which more threads are taken: the body grows with each. */
const longestUnroll = 48;

const residencies = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32];

/** Every schedule of the space, legal or not. */
export function* enumerateQuantize(): Iterable<QuantizeSchedule> {
  for (const threads of threadCounts) {
    for (const ctasPerSm of residencies) yield { kind: 'row', threads, ctasPerSm };
  }
}

/** 16-bit values that a thread holds, in whole vectors. */
export function valuesPerThread(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  const { vector } = quantizeGeometry(problem);
  return ceilDiv(problem.k, vector * schedule.threads) * vector;
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
  const values = valuesPerThread(problem, schedule);
  if (values > longestUnroll && schedule.threads < mostThreads) {
    return {
      kind: 'unrolled too far',
      reason: () => `${values} values a thread, ${longestUnroll} at most below ${mostThreads} threads`,
    };
  }
  const half = { ...schedule, threads: schedule.threads / 2 };
  if (schedule.threads > 32 && valuesPerThread(problem, half) <= 8) {
    return {
      kind: 'idle threads',
      reason: () => `half of ${schedule.threads} threads would hold 8 values or fewer each`,
    };
  }
  return undefined;
}

/**
 * Registers below which ptxas 13.0 spills, fitted to compiled schedules (bench/register-fit.md): the row's part, twice for
 * [gate | up], and what the phases need beside it. The norm keeps values in FP32 beside their 16-bit form for a while.
 */
function registersNeeded(problem: QuantizeProblem, schedule: QuantizeSchedule): number {
  const values = valuesPerThread(problem, schedule);
  const words = problem.k % 2 === 0 ? values / 2 : values; // of an odd row each value is loaded by itself
  const norm = Math.ceil(1.75 * words) + (problem.outliers > 0 ? 16 : 24); // without outliers ptxas overlaps more phases
  const needed = { none: words + 16, 'rms-norm': norm, 'silu-mul': 2 * words + 17 };
  return Math.max(leastRegisters, needed[problem.prologue.op]);
}

/** What an SM full of threads leaves each of them; the shortest rows take fewer. */
const leastRegisters = 32;

/** Why not even the most threads there may be hold a row; undefined if they do. */
export function whyTooLong(problem: QuantizeProblem, target: CudaTarget): string | undefined {
  const schedule = { kind: 'row', threads: mostThreads, ctasPerSm: 1 } as const;
  const { registers, registerCap: cap, sharedBytes } = quantizeResources(problem, schedule, target);
  if (registers > cap)
    return `a row is held in the registers of one CTA, and ${problem.k} columns with the prologue ${problem.prologue.op} are too many`;
  if (sharedBytes > target.limits.sharedBytesPerBlock)
    return `a row of ${problem.k} columns takes ${sharedBytes} bytes of shared memory, ${target.id} has ${target.limits.sharedBytesPerBlock}`;
  return undefined;
}

/** The longest row of this kind that fits, a multiple of 8 columns: shorter vectors hold less. */
export function longestRow(problem: QuantizeProblem, target: CudaTarget): number {
  let k = 8;
  while (whyTooLong({ ...problem, k: k + 8 }, target) === undefined) k += 8;
  return k;
}

export function quantizeResources(
  problem: QuantizeProblem,
  schedule: QuantizeSchedule,
  target: CudaTarget,
): ResourceEstimate {
  const reductions = problem.prologue.op === 'rms-norm' ? 2 : 1;
  const scratch = roundUp(reductions * 4 * (schedule.threads / 32), 16); // as ptxas aligns it
  return {
    threads: schedule.threads,
    registers: registersNeeded(problem, schedule),
    registerCap: registerCap(schedule.threads, schedule.ctasPerSm, target),
    sharedBytes: quantizeSharedBytes(problem) + scratch,
  };
}
