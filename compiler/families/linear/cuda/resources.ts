import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule, TiledSchedule } from '../../../../ir/schedule.ts';
import { registerCap } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import type { CountedFigures, ResourceEstimate } from '../../family.ts';
import { splitKSharedBytes } from './split-k-sizes.ts';
import { segmentsAhead, stageBytes, threadsOf, tiledSharedBytes, warpTile } from './tile-geometry.ts';

/**
 * Registers below which ptxas 13.0 spills, fitted to compiled schedules (bench/register-fit.md) and kept on the safe side.
 * Split-K: both sums, the weight fragments in flight, addresses. Tiles: accumulators, A fragments of a segment, B fragments
 * and row addresses, addresses; with four segments a step ptxas hoists loads across segments and needs room in proportion
 * to the accumulators, with two it does so for the largest warp tile, which then spills or not by the constants of the
 * problem: `scheduleAndBuild` falls back where it does.
 */
function registersNeeded(schedule: LinearSchedule): number {
  const { blocks, groups } = warpTile(schedule);
  const accumulators = blocks * groups * 4;
  if (schedule.kind === 'split-k') return accumulators * 2 + 4 * segmentsAhead * blocks + 16;
  const hoisted =
    schedule.tileKBytes === 128 ? accumulators : schedule.tileKBytes === 64 && accumulators >= 128 ? 64 : 0;
  return accumulators + 4 * blocks + 3 * groups + 36 + hoisted;
}

/** What a schedule needs of registers and shared memory, and what its launch bounds leave it. */
export function linearResources(
  problem: LinearProblem,
  schedule: LinearSchedule,
  target: CudaTarget,
): ResourceEstimate {
  const threads = threadsOf(schedule);
  return {
    threads,
    registers: registersNeeded(schedule),
    registerCap: registerCap(threads, schedule.ctasPerSm, target),
    sharedBytes:
      schedule.kind === 'tiled'
        ? tiledSharedBytes(schedule)
        : splitKSharedBytes(problem, schedule) + staticSharedBytes,
  };
}

/** Registers that ptxas takes: a third more than it needs where the launch bounds leave them; known once it has run. */
export function registersTaken(
  { registers, registerCap }: ResourceEstimate,
  counted: CountedFigures | undefined,
): number {
  return counted?.registers ?? Math.min(registerCap, Math.floor(registers * 1.3));
}

/** The split-K kernel's flag, as ptxas aligns it. */
const staticSharedBytes = 16;

/** Bytes a K step moves through shared memory in all warps: copied in once, read by every warp that needs it. */
export function sharedBytesPerStep(schedule: TiledSchedule): number {
  const written = stageBytes(schedule);
  const read = (schedule.tileN * schedule.warpsM + schedule.tileM * schedule.warpsN) * schedule.tileKBytes;
  return written + read;
}
