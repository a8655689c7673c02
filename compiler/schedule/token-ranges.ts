import type { FamilyName } from '../../ir/kernel-spec.ts';

/** Tokens [from, to] and the M that stands for them when schedules are ranked. */
export interface RankedRange {
  readonly from: number;
  readonly to?: number;
  readonly representative: number;
}

/** M for which the open range of large M is ranked: the prefill length of the published layer benchmarks. */
const largeTokens = 2048;

/**
 * Ranges in which one linear kernel has to do. Decode ends at 16 tokens, two MMA token groups; from there
 * ranges double with the useful tile heights and end at 512, where a choice no longer depends on the last wave much.
 */
const linearEdges = [8, 16, 32, 64, 128, 512];

/** The ranges of M, without a gap from `from` on, that schedules of `family` are chosen for. */
export function tokenRanges(
  family: FamilyName,
  from: number,
  to: number | undefined,
): readonly RankedRange[] {
  const edges = family === 'linear' ? linearEdges : [];
  const ranges: RankedRange[] = [];
  let start = from;
  for (const edge of edges) {
    if (edge < start) continue;
    if (to !== undefined && edge >= to) break;
    ranges.push({ from: start, to: edge, representative: edge });
    start = edge + 1;
  }
  ranges.push(
    to === undefined
      ? { from: start, representative: Math.max(largeTokens, start) }
      : { from: start, to, representative: to },
  );
  return ranges;
}
