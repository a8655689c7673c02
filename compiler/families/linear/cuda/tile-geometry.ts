import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule, SplitKSchedule, TiledSchedule } from '../../../../ir/schedule.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { linearGeometry } from '../geometry.ts';

/**
 * Token tiles that lie next to each other in a tiled kernel's grid: they read the same weights at about the same time,
 * so a wave reads weights once a group, and the group's own rows (16 x 128 x K) stay in L2.
 */
export const tokenGroup = 16;

/** Weight segments a warp keeps in flight; `kAhead` of the template. */
export const segmentsAhead = 4;

/** MMA tiles of a warp: 16 channels x 8 tokens each. */
export function warpTile(schedule: LinearSchedule): { readonly blocks: number; readonly groups: number } {
  return schedule.kind === 'tiled'
    ? { blocks: schedule.tileN / schedule.warpsN / 16, groups: schedule.tileM / schedule.warpsM / 8 }
    : { blocks: schedule.tileN / schedule.warps / 16, groups: schedule.tileM / 8 };
}

export function threadsOf(schedule: LinearSchedule): number {
  return 32 * (schedule.kind === 'tiled' ? schedule.warpsN * schedule.warpsM : schedule.warps);
}

/** Bytes of one ring stage: weight blocks and token rows of one K step. */
export function stageBytes(schedule: TiledSchedule): number {
  return (schedule.tileN + schedule.tileM) * schedule.tileKBytes;
}

/** Bytes of the 16-bit output tile that is staged in shared memory. */
export function outputTileBytes(schedule: LinearSchedule): number {
  return schedule.tileN * schedule.tileM * 2;
}

/** Column meta (16 bytes a channel) and row meta (8 bytes a token) of a tile, at the start of shared memory. */
export function metaBytes(schedule: LinearSchedule): number {
  return schedule.tileN * 16 + schedule.tileM * 8;
}

export function tiledSharedBytes(schedule: TiledSchedule): number {
  return metaBytes(schedule) + Math.max(schedule.stages * stageBytes(schedule), outputTileBytes(schedule));
}

/** Segments of a base slice; the last may hold fewer. */
export function sliceSegments(problem: LinearProblem, schedule: SplitKSchedule): number {
  return ceilDiv(linearGeometry(problem).baseSegments, schedule.slices);
}
