import type { SpecOf } from '../../../ir/kernel-spec.ts';
import { ceilDiv } from '../../support/integer.ts';
import type { CtaIndex } from '../family.ts';
import { tokenGroup } from './geometry.ts';

/** Channels n0 … n1 - 1 x tokens m0 … m1 - 1 of y, cut to its extents. */
export interface OutputRegion {
  readonly n0: number;
  readonly n1: number;
  readonly m0: number;
  readonly m1: number;
}

/** Tiles along the channels. */
export function tilesAlongN(spec: SpecOf<'linear'>): number {
  return ceilDiv(spec.problem.n, spec.schedule.tileN);
}

/** A tile of y by its place among the channel tiles and the token tiles. */
export interface TilePlace {
  readonly n: number;
  readonly m: number;
}

/** Tiled: x within a group of token tiles, y channel tile, z group. Split-K: x tiles, channel tiles fastest; z slice. */
export function tileOfCta(spec: SpecOf<'linear'>, cta: CtaIndex): TilePlace {
  const [x, y, z] = cta;
  if (spec.schedule.kind === 'tiled') return { n: y, m: z * tokenGroup + x };
  const alongN = tilesAlongN(spec);
  return { n: x % alongN, m: Math.floor(x / alongN) };
}

/** The CTAs that compute a tile together: one, or all its slices. */
export function ctasOfTile(spec: SpecOf<'linear'>, { n, m }: TilePlace): readonly CtaIndex[] {
  if (spec.schedule.kind === 'tiled') return [[m % tokenGroup, n, Math.floor(m / tokenGroup)]];
  const x = m * tilesAlongN(spec) + n;
  return Array.from({ length: ctasPerTile(spec) }, (_, z): CtaIndex => [x, 0, z]);
}

/**
 * The part of y that CTA `cta` helps to compute; empty for a CTA of a group that is not full. Tiled: it writes all of
 * it. Split-K: the slices of a tile do so together, and whichever arrives last writes it.
 */
export function outputRegion(spec: SpecOf<'linear'>, cta: CtaIndex, m: number): OutputRegion {
  const { problem, schedule } = spec;
  const tile = tileOfCta(spec, cta);
  const n0 = tile.n * schedule.tileN;
  const m0 = Math.min(tile.m * schedule.tileM, m);
  return { n0, n1: Math.min(n0 + schedule.tileN, problem.n), m0, m1: Math.min(m0 + schedule.tileM, m) };
}

/** CTAs along z that share one tile: base slices and, where there are outliers, their own. 1 for tiled kernels. */
export function ctasPerTile(spec: SpecOf<'linear'>): number {
  const { problem, schedule } = spec;
  return schedule.kind === 'tiled' ? 1 : schedule.slices + (problem.outliers > 0 ? 1 : 0);
}
