import type { WgslLinearSchedule } from '../../../../ir/schedule.ts';

/** What a workgroup computes: channels x tokens of y. */
export interface WorkgroupTile {
  readonly channels: number;
  readonly tokens: number;
  readonly block: readonly [x: number, y: number];
  /** Tokens that one thread works on. */
  readonly perThread: number;
}

export function tileOf(schedule: WgslLinearSchedule): WorkgroupTile {
  switch (schedule.kind) {
    case 'register-tile': {
      const { channelThreads, tokenThreads, tokensPerThread } = schedule;
      return {
        channels: 4 * channelThreads,
        tokens: tokenThreads * tokensPerThread,
        block: [channelThreads, tokenThreads],
        perThread: tokensPerThread,
      };
    }
    case 'broadcast-tile': {
      const { threads, tokens } = schedule;
      return { channels: 4 * threads, tokens, block: [threads, 1], perThread: tokens };
    }
    case 'slice-split': {
      const { channelThreads, tokens } = schedule;
      return { channels: 4 * channelThreads, tokens, block: [channelThreads, 1], perThread: tokens };
    }
    case 'lane-split': {
      const { lanes, channelThreads, tokens } = schedule;
      return { channels: 4 * channelThreads, tokens, block: [lanes, channelThreads], perThread: tokens };
    }
  }
}
