import { linearNeeds } from '../../compiler/families/linear/wgsl/schedule-space.ts';
import { tileOf } from '../../compiler/families/linear/wgsl/tile-of.ts';
import type { WgslLinearSchedule } from '../../ir/schedule.ts';

/** The schedules that compete for a point; the best of a first look is measured again against ONNX Runtime. */
export function schedulesFor(m: number, subgroupSize: number): readonly WgslLinearSchedule[] {
  return [...registerTiles, ...laneSplits, ...broadcastTiles].filter(
    (schedule) => tileOf(schedule).tokens < 2 * m && linearNeeds(schedule).leastSubgroupSize <= subgroupSize,
  );
}

const registerTiles = (
  [
    [64, 1, 1],
    [32, 1, 1],
    [16, 2, 8],
    [32, 1, 8],
    [8, 8, 8],
  ] as const
).map(([channelThreads, tokenThreads, tokensPerThread]) => ({
  kind: 'register-tile' as const,
  ...{ channelThreads, tokenThreads, tokensPerThread, dot: 'packed' as const, halves: 'words' as const },
}));

const laneSplits = (
  [
    [8, 8, 1],
    [32, 4, 1],
    [8, 8, 8],
  ] as const
).map(([lanes, channelThreads, tokens]) => ({
  kind: 'lane-split' as const,
  ...{ lanes, channelThreads, tokens, dot: 'packed' as const, halves: 'words' as const },
}));

/** Of 8 lanes, as lavapipe's subgroups have; SwiftShader's have 4. */
const broadcastTiles = (
  [
    [32, 8, 4],
    [32, 16, 4],
    [32, 8, 8],
    [32, 16, 8],
    [64, 16, 8],
  ] as const
).map(([threads, tokens, lanes]) => ({
  kind: 'broadcast-tile' as const,
  ...{ threads, tokens, lanes, dot: 'floats' as const, halves: 'words' as const },
}));
