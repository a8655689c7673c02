import type { LinearProblem } from '../../../ir/problem.ts';
import type { LinearSchedule, TiledSchedule } from '../../../ir/schedule.ts';
import { residentCtas as residentOnSm } from '../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../targets/target.ts';
import type { ResourceEstimate } from '../family.ts';
import { threadsOf, tiledSharedBytes } from './geometry.ts';
import { splitKSharedBytes } from './split-k-sizes.ts';

/** MMA tiles of a warp: 16 channels x 8 tokens each. */
export function warpTile(schedule: LinearSchedule): { readonly blocks: number; readonly groups: number } {
  return schedule.kind === 'tiled'
    ? { blocks: schedule.tileN / schedule.warpsN / 16, groups: schedule.tileM / schedule.warpsM / 8 }
    : { blocks: schedule.tileN / schedule.warps / 16, groups: schedule.tileM / 8 };
}

/** Registers a thread may use so that `ctas` CTAs fit an SM: allocated by warp in units of 256, so 8 a thread. */
export function registerCap(threads: number, ctas: number, target: CudaTarget): number {
  const share = Math.floor(target.limits.registersPerSm / (threads * ctas));
  return Math.min(target.limits.registersPerThread, Math.floor(share / 8) * 8);
}

/**
 * Registers below which ptxas 13.0 spills, fitted to 126 compiled schedules (bench/register-fit.md) and kept on the safe
 * side: accumulators, A fragments of a segment, B fragments and row addresses, addresses. With four segments a step
 * ptxas hoists loads across segments and needs room in proportion to the accumulators; with two it does so for the
 * largest warp tile, which then spills or not by the constants of the problem.
 */
export function registersNeeded(schedule: LinearSchedule): number {
  const { blocks, groups } = warpTile(schedule);
  const accumulators = blocks * groups * 4;
  if (schedule.kind === 'split-k') return accumulators * 2 + 4 * 4 * blocks + 44;
  const hoisted =
    schedule.tileKBytes === 128 ? accumulators : schedule.tileKBytes === 64 && accumulators >= 128 ? 64 : 0;
  return accumulators + 4 * blocks + 3 * groups + 36 + hoisted;
}

/** What ptxas may use at most, and what the launch has to ask for. */
export function linearResources(
  problem: LinearProblem,
  schedule: LinearSchedule,
  target: CudaTarget,
): ResourceEstimate {
  const threads = threadsOf(schedule);
  return {
    threads,
    registers:
      schedule.kind === 'tiled'
        ? registerCap(threads, schedule.ctasPerSm, target)
        : registerCap(threads, 1, target),
    sharedBytes:
      schedule.kind === 'tiled'
        ? tiledSharedBytes(schedule)
        : splitKSharedBytes(problem, schedule) + staticSharedBytes,
  };
}

/** The split-K kernel's flag, as ptxas aligns it. */
const staticSharedBytes = 16;

/** CTAs that fit an SM at once. */
export function residentCtas(estimate: ResourceEstimate, registers: number, target: CudaTarget): number {
  const { threads, sharedBytes } = estimate;
  return residentOnSm({ threads, registers, sharedBytes }, target);
}

/** Bytes a K step moves through shared memory in all warps: copied in once, read by every warp that needs it. */
export function sharedBytesPerStep(schedule: TiledSchedule): number {
  const written = (schedule.tileN + schedule.tileM) * schedule.tileKBytes;
  const read = (schedule.tileN * schedule.warpsM + schedule.tileM * schedule.warpsN) * schedule.tileKBytes;
  return written + read;
}
