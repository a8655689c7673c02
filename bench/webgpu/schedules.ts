import type { LinearSpec } from './quikc-linear.ts';

/** The schedules that compete for a point; the best of a first look is measured again against ONNX Runtime. */
export function schedulesFor(m: number): readonly LinearSpec['schedule'][] {
  return registerTiles.filter(({ tokenThreads, tokensPerThread }) => tokenThreads * tokensPerThread < 2 * m);
}

const registerTiles = (
  [
    [64, 1, 1],
    [32, 1, 1],
    [16, 2, 4],
    [16, 4, 4],
    [16, 2, 8],
    [32, 1, 8],
    [8, 8, 8],
  ] as const
).map(([channelThreads, tokenThreads, tokensPerThread]) => ({
  kind: 'register-tile' as const,
  ...{ channelThreads, tokenThreads, tokensPerThread },
}));
