import type { SpecOf } from '../../../ir/kernel-spec.ts';
import { ceilDiv } from '../../support/integer.ts';
import type { CtaIndex } from '../family.ts';

/** Channels n0 … n1 - 1 x tokens m0 … m1 - 1 of y, cut to its extents. */
export interface OutputRegion {
  readonly n0: number;
  readonly n1: number;
  readonly m0: number;
  readonly m1: number;
}

/** Tiles along the channels; grid x runs over tiles, channel tiles fastest. */
export function tilesAlongN(spec: SpecOf<'linear'>): number {
  return ceilDiv(spec.problem.n, spec.schedule.tileN);
}

/**
 * The part of y that CTA `cta` helps to compute. Tiled: it writes all of it. Split-K: the CTAs of one x (z = slice) do
 * so together, and whichever arrives last writes it.
 */
export function outputRegion(spec: SpecOf<'linear'>, cta: CtaIndex, m: number): OutputRegion {
  const { problem, schedule } = spec;
  const tiles = tilesAlongN(spec);
  const n0 = (cta[0] % tiles) * schedule.tileN;
  const m0 = Math.floor(cta[0] / tiles) * schedule.tileM;
  return { n0, n1: Math.min(n0 + schedule.tileN, problem.n), m0, m1: Math.min(m0 + schedule.tileM, m) };
}

/** CTAs along z that share one tile: base slices and, where there are outliers, their own. 1 for tiled kernels. */
export function ctasPerTile(spec: SpecOf<'linear'>): number {
  const { problem, schedule } = spec;
  return schedule.kind === 'tiled' ? 1 : schedule.slices + (problem.outliers > 0 ? 1 : 0);
}
