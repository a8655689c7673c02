import type { Formula } from '../../../ir/formula.ts';
import type { LinearProblem } from '../../../ir/problem.ts';
import { ceilDiv } from '../../support/integer.ts';
import type { CtaIndex } from '../family.ts';

/** Channels n0 … n1 - 1 x tokens m0 … m1 - 1 of y, cut to its extents. */
export interface OutputRegion {
  readonly n0: number;
  readonly n1: number;
  readonly m0: number;
  readonly m1: number;
}

/** A tile of y by its place among the channel tiles and the token tiles. */
export interface TilePlace {
  readonly n: number;
  readonly m: number;
}

/** How a kernel's CTAs (in WGSL workgroups) cover y, and how its arithmetic rounds: what comparing y has to know of it. */
export interface LinearCover {
  readonly tileN: number;
  readonly tileM: number;
  /** CTAs that compute a tile together. */
  readonly ctasPerTile: number;
  /** The tile that a CTA helps to compute, and which of the tile's CTAs it is. */
  placeOf(cta: CtaIndex): { readonly place: TilePlace; readonly slice: number };
  /** Bytes of the workspace that every launch leaves zero, tile after tile, channel tiles fastest. */
  readonly workspaceBytes?: Formula;
  /** Bytes of a workspace that may hold anything, before and after. */
  readonly scratchBytes?: Formula;
  /** Every CTA runs, whichever are compared: what lies around a compared tile is no stray write. */
  readonly runsWhole?: true;
  /** Tiles with which another dispatch begins, along the channels and along M tokens. */
  seams?(m: number): { readonly channels: readonly number[]; readonly tokens: readonly number[] };
  /** c of docs/numerics.md. */
  readonly roundings: number;
}

export function tilesAlongN({ n }: LinearProblem, { tileN }: LinearCover): number {
  return ceilDiv(n, tileN);
}

/** The part of y in a tile; empty for a tile beyond the last tokens. */
export function regionOf(
  { n }: LinearProblem,
  { tileN, tileM }: LinearCover,
  place: TilePlace,
  m: number,
): OutputRegion {
  const n0 = place.n * tileN;
  const m0 = Math.min(place.m * tileM, m);
  return { n0, n1: Math.min(n0 + tileN, n), m0, m1: Math.min(m0 + tileM, m) };
}
