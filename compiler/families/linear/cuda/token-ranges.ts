import type { LinearSchedule } from '../../../../ir/schedule.ts';
import type { TokenRange } from '../../family.ts';

/** Decode ends here: two MMA token groups. */
const decodeTokens = 16;

/** From decode on ranges double with the useful tile heights; from 512 on a choice no longer depends on the last wave much. */
export const linearRangeEdges = [8, decodeTokens, 32, 64, 128, 512];

/** Split-K kernels for decode, no taller than needed; tiles from 17 tokens on, less than twice as tall as the range. */
export function servesLinearRange(schedule: LinearSchedule, range: TokenRange): boolean {
  const { kind, tileM } = schedule;
  if (kind === 'split-k') return range.to !== undefined && range.to <= tileM && tileM < range.to + 8;
  return (
    range.from > decodeTokens && tileM < 2 * Math.max(decodeTokens, range.to ?? Number.POSITIVE_INFINITY)
  );
}

/** Tile and warps, without stages, step and residency. */
export function linearShape(schedule: LinearSchedule): string {
  return schedule.kind === 'tiled'
    ? `${schedule.tileN}x${schedule.tileM} ${schedule.warpsN}x${schedule.warpsM}`
    : `${schedule.tileN} ${schedule.slices}`;
}
