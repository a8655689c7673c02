import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual } from '../../../../ir/problem.ts';
import { paddedOutliers } from '../../../reference/layouts.ts';
import { wgslLinearRoundings } from '../../../reference/tolerance.ts';
import { ceilDiv } from '../../../support/integer.ts';
import type { LinearCover } from '../cover.ts';
import { blockChannels } from '../geometry.ts';
import { channelShards } from './channel-shards.ts';
import { launchTokens } from './contract.ts';
import { sharesArgument } from './slice-shares.ts';
import { tileOf } from './tile-of.ts';

/** A workgroup computes a tile: x along the channels, y along the tokens. */
export function wgslCover(spec: SpecOf<'linear', 'wgsl'>): LinearCover {
  const { problem, schedule } = spec;
  const { channels, tokens } = tileOf(schedule);
  return {
    tileN: channels,
    tileM: tokens,
    ctasPerTile: 1,
    runsWhole: true,
    ...(schedule.kind === 'slice-split' ? { scratchBytes: sharesArgument(problem, schedule).bytes } : {}),
    seams: (m) => {
      const launched = launchTokens(spec);
      const launches = Array.from({ length: ceilDiv(m, launched) - 1 }, (_, before) => before + 1);
      const [, ...shards] = channelShards(problem, schedule);
      return {
        channels: shards.map(({ firstBlock }) => (firstBlock * blockChannels) / channels),
        tokens: launches.map((launch) => Math.floor((launch * launched) / tokens)),
      };
    },
    placeOf: ([n, m]) => ({ place: { n, m }, slice: 0 }),
    roundings: wgslLinearRoundings({
      paddedOutliers: paddedOutliers(problem.outliers),
      residual: addsResidual(problem),
    }),
  };
}
