import type { HalfAccess, Schedule } from './schedule.ts';

/** A schedule in one word, e.g. `t128x128x64B s3 w2x4 c1`, `t64x16 split8 w4 c6` or `256 threads c4`. */
export function printSchedule(schedule: Schedule): string {
  switch (schedule.kind) {
    case 'tiled': {
      const { tileN, tileM, tileKBytes, stages, warpsN, warpsM, ctasPerSm } = schedule;
      return `t${tileN}x${tileM}x${tileKBytes}B s${stages} w${warpsN}x${warpsM} c${ctasPerSm}`;
    }
    case 'split-k': {
      const { tileN, tileM, slices, warps, ctasPerSm } = schedule;
      return `t${tileN}x${tileM} split${slices} w${warps} c${ctasPerSm}`;
    }
    case 'register-tile': {
      const { channelThreads, tokenThreads, tokensPerThread, dot } = schedule;
      return `t${4 * channelThreads}x${tokenThreads * tokensPerThread} ${channelThreads}x${tokenThreads} threads ${dot}${printHalves(schedule)}`;
    }
    case 'broadcast-tile': {
      const { threads, tokens, lanes, dot } = schedule;
      return `t${4 * threads}x${tokens} ${threads} threads lanes${lanes} ${dot}${printHalves(schedule)}`;
    }
    case 'lane-split': {
      const { lanes, channelThreads, tokens, dot } = schedule;
      return `t${4 * channelThreads}x${tokens} ${lanes}x${channelThreads} threads along K ${dot}${printHalves(schedule)}`;
    }
    case 'slice-split': {
      const { slices, channelThreads, tokens, dot } = schedule;
      return `t${4 * channelThreads}x${tokens} ${slices} slices of K ${dot}${printHalves(schedule)}`;
    }
    case 'workgroup-row':
      return `${schedule.threads} threads${schedule.reduce === 'subgroup' ? ' subgroups' : ''}`;
    case 'row':
      return `${schedule.threads} threads c${schedule.ctasPerSm}`;
  }
}

function printHalves({ halves }: { readonly halves: HalfAccess }): string {
  return halves === 'vectors' ? ' f16' : '';
}

/** `1-16`, `17-32`, `513-`: a range of M. */
export function printTokens({ from, to }: { readonly from: number; readonly to?: number }): string {
  if (to === from) return `${from}`;
  return `${from}-${to ?? ''}`;
}
