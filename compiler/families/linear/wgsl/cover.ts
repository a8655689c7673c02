import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual } from '../../../../ir/problem.ts';
import { paddedOutliers } from '../../../reference/layouts.ts';
import { wgslLinearRoundings } from '../../../reference/tolerance.ts';
import type { LinearCover } from '../cover.ts';
import { tileOf } from './tile-of.ts';

/** A workgroup computes a tile: x along the channels, y along the tokens. */
export function wgslCover({ problem, schedule }: SpecOf<'linear', 'wgsl'>): LinearCover {
  const { channels, tokens } = tileOf(schedule);
  return {
    tileN: channels,
    tileM: tokens,
    ctasPerTile: 1,
    runsWhole: true,
    placeOf: ([n, m]) => ({ place: { n, m }, slice: 0 }),
    roundings: wgslLinearRoundings({
      paddedOutliers: paddedOutliers(problem.outliers),
      residual: addsResidual(problem),
    }),
  };
}
