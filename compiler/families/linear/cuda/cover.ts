import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { CtaIndex } from '../../family.ts';
import { type LinearCover, type OutputRegion, regionOf, type TilePlace, tilesAlongN } from '../cover.ts';
import { roundingsOf } from '../tolerances.ts';
import { splitKWorkspaceBytes } from './split-k-sizes.ts';
import { tokenGroup } from './tile-geometry.ts';

/**
 * Tiled: x within a group of token tiles, y channel tile, z group; a CTA writes its tile. Split-K: x tiles, channel tiles
 * fastest, z slices and, where there are outliers, theirs; whichever of a tile arrives last writes it.
 */
export function cudaCover(spec: SpecOf<'linear', 'cuda'>): LinearCover {
  const { problem, schedule } = spec;
  const { tileN, tileM } = schedule;
  const roundings = roundingsOf(problem, { outliersApart: schedule.kind === 'split-k' });
  if (schedule.kind === 'tiled') {
    return {
      ...{ tileN, tileM, ctasPerTile: 1, roundings },
      placeOf: ([x, y, z]) => ({ place: { n: y, m: z * tokenGroup + x }, slice: 0 }),
    };
  }
  const alongN = Math.ceil(problem.n / tileN);
  return {
    ...{ tileN, tileM, roundings, workspaceBytes: splitKWorkspaceBytes(problem, schedule) },
    ctasPerTile: schedule.slices + (problem.outliers > 0 ? 1 : 0),
    placeOf: ([x, , z]) => ({ place: { n: x % alongN, m: Math.floor(x / alongN) }, slice: z }),
  };
}

/** The CTAs that compute a tile together: one, or all its slices. */
export function ctasOfTile(spec: SpecOf<'linear', 'cuda'>, { n, m }: TilePlace): readonly CtaIndex[] {
  if (spec.schedule.kind === 'tiled') return [[m % tokenGroup, n, Math.floor(m / tokenGroup)]];
  const cover = cudaCover(spec);
  const x = m * tilesAlongN(spec.problem, cover) + n;
  return Array.from({ length: cover.ctasPerTile }, (_, z): CtaIndex => [x, 0, z]);
}

/** The part of y that a CTA helps to compute; empty for a CTA of a group that is not full. */
export function outputRegion(spec: SpecOf<'linear', 'cuda'>, cta: CtaIndex, m: number): OutputRegion {
  const cover = cudaCover(spec);
  return regionOf(spec.problem, cover, cover.placeOf(cta).place, m);
}
