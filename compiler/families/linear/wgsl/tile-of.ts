import type { WgslLinearSchedule } from '../../../../ir/schedule.ts';

/** What a workgroup computes: channels x tokens of y, by threads of 4 channels each along x. */
export interface WorkgroupTile {
  readonly channels: number;
  readonly tokens: number;
  readonly block: readonly [x: number, y: number];
}

export function tileOf(schedule: WgslLinearSchedule): WorkgroupTile {
  switch (schedule.kind) {
    case 'register-tile': {
      const { channelThreads, tokenThreads, tokensPerThread } = schedule;
      return {
        channels: 4 * channelThreads,
        tokens: tokenThreads * tokensPerThread,
        block: [channelThreads, tokenThreads],
      };
    }
    case 'broadcast-tile':
      return { channels: 4 * schedule.threads, tokens: schedule.tokens, block: [schedule.threads, 1] };
  }
}
