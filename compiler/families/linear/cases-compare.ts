import { evaluate } from '../../../ir/formula.ts';
import type { LinearProblem } from '../../../ir/problem.ts';
import { ComparisonTally } from '../../reference/comparison-tally.ts';
import { narrowFloat } from '../../reference/narrow-float.ts';
import { ceilDiv } from '../../support/integer.ts';
import type { Comparison, CtaIndex } from '../family.ts';
import { type LinearCover, type OutputRegion, regionOf, type TilePlace, tilesAlongN } from './cover.ts';
import type { ActivationData } from './data-activations.ts';
import type { DatasetKind } from './data-patterns.ts';
import type { WeightData } from './data-weights.ts';
import { makeTileOracle } from './oracle.ts';
import { diagnoseElement } from './oracle-diagnosis.ts';

export interface LinearDataset {
  readonly problem: LinearProblem;
  readonly cover: LinearCover;
  readonly m: number;
  readonly kind: DatasetKind;
  readonly weights: Omit<WeightData, 'word'>;
  readonly activations: Omit<ActivationData, 'word'>;
}

export type ReadOutput = (argument: string, offset: number, length: number) => Uint8Array;

/**
 * Compares the tiles that `ctas` complete. A tile of which only some slices ran is not compared, and a note says so.
 */
export function compareLinear(
  data: LinearDataset,
  read: ReadOutput,
  ctas: readonly CtaIndex[],
  ran: 'ctas' | 'whole-grid' = 'ctas',
): Comparison {
  const tally = new ComparisonTally();
  const tiles = new Map<number, { readonly place: TilePlace; readonly seen: Set<number> }>();
  const { problem, cover } = data;
  for (const cta of ctas) {
    const { place, slice } = cover.placeOf(cta);
    const { m0, m1 } = regionOf(problem, cover, place, data.m);
    if (m0 >= m1) continue; // of a group that is not full: it has no tile
    const key = tileKey(data, place);
    const tile = tiles.get(key) ?? { place, seen: new Set() };
    tiles.set(key, { place, seen: tile.seen.add(slice) });
  }
  const complete = [...tiles.values()].filter(({ seen }) => seen.size === cover.ctasPerTile);
  const incomplete = tiles.size - complete.length;
  if (incomplete > 0) tally.note(`${incomplete} tile(s) not compared: some of their slices did not run`);
  for (const { place } of complete) {
    const region = regionOf(problem, cover, place, data.m);
    compareTile(data, read, region, tally);
    if (cover.runsWhole !== true && ran === 'ctas')
      compareBorder(data, read, region, new Set(tiles.keys()), tally);
    compareWorkspace(data, read, tileKey(data, place), tally);
  }
  return tally.result();
}

/** Tiles by number, channel tiles fastest: the order of the split-K workspace. */
function tileKey({ problem, cover }: LinearDataset, { n, m }: TilePlace): number {
  return m * tilesAlongN(problem, cover) + n;
}

function compareTile(
  data: LinearDataset,
  read: ReadOutput,
  region: OutputRegion,
  tally: ComparisonTally,
): void {
  const { problem, cover, kind, weights, activations } = data;
  const float = narrowFloat(problem.dtype);
  const oracle = makeTileOracle(problem, cover.roundings, weights, activations, region, kind === 'integer');
  const { n0, n1, m0, m1 } = region;
  for (let m = m0; m < m1; m++) {
    const row = read('y', (m * problem.n + n0) * 2, (n1 - n0) * 2);
    for (let n = n0; n < n1; n++) {
      const at = 2 * (n - n0);
      const actual = float.decode((row[at] ?? 0) | ((row[at + 1] ?? 0) << 8));
      const expected = oracle.at(n, m);
      const { value, bound } = expected;
      if (!Number.isFinite(value)) {
        // No finite number may stand where the oracle has NaN or infinity; an infinity keeps its sign.
        const right = Number.isNaN(value) ? Number.isNaN(actual) : actual === value;
        tally.add(
          right,
          right ? 0 : Number.POSITIVE_INFINITY,
          () => `y[m=${m}, n=${n}]: expected ${value}, got ${actual}`,
        );
        continue;
      }
      if (bound === 0) tally.countExact();
      // Rounding is monotone, so y must lie between the roundings of the interval's ends: "bound + 1/2 ulp", exactly.
      const right = actual >= float.round(value - bound) && actual <= float.round(value + bound);
      const slack = bound + float.ulp(value) / 2;
      tally.add(
        right,
        // An overflow to infinity that the format's rounding asks for is no error.
        right && !Number.isFinite(actual) ? 0 : Math.abs(actual - value) / slack,
        () =>
          right
            ? `y[m=${m}, n=${n}]: ${actual} for ${value}, allowed ${slack}`
            : `y[m=${m}, n=${n}]: ${diagnoseElement(expected, actual, slack)}`,
      );
    }
  }
}

/** One element around the tile must be as it was before the launch, unless a neighbouring CTA ran as well. */
function compareBorder(
  { problem, cover, m }: LinearDataset,
  read: ReadOutput,
  { n0, n1, m0, m1 }: OutputRegion,
  ran: ReadonlySet<number>,
  tally: ComparisonTally,
): void {
  const { n } = problem;
  const tiles = tilesAlongN(problem, cover);
  const check = (row: number, first: number, last: number): void => {
    const tile = Math.floor(row / cover.tileM) * tiles + Math.floor(first / cover.tileN);
    if (row < 0 || row >= m || first < 0 || last > n || ran.has(tile)) return;
    const bytes = read('y', (row * n + first) * 2, (last - first) * 2);
    const stray = bytes.findIndex((byte) => byte !== untouchedByte);
    if (stray >= 0) tally.fail(`y[m=${row}, n=${first + (stray >> 1)}] was written, outside its CTA's tile`);
  };
  check(m0 - 1, n0, n1);
  check(m1, n0, n1);
  for (let row = m0; row < m1; row++) {
    check(row, n0 - 1, n0);
    check(row, n1, n1 + 1);
  }
}

/** What an unwritten byte of y holds: 0xcdcd is -23.2 in f16 and -4.3e8 in bf16, values no dataset aims at. */
export const untouchedByte = 0xcd;

/** A finished tile leaves its part of the workspace zero. */
function compareWorkspace(
  { problem, cover, m }: LinearDataset,
  read: ReadOutput,
  x: number,
  tally: ComparisonTally,
): void {
  if (cover.workspaceBytes === undefined) return;
  const tiles = tilesAlongN(problem, cover) * ceilDiv(m, cover.tileM);
  const bytes = evaluate(cover.workspaceBytes, m) / tiles;
  const stray = read('workspace', x * bytes, bytes).findIndex((byte) => byte !== 0);
  if (stray >= 0) tally.fail(`workspace byte ${x * bytes + stray} (tile ${x}) was not left zero`);
}
