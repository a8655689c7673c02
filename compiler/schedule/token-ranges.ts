import type { TokenRange } from '../families/family.ts';

/** Tokens and the M that stands for them when schedules are ranked. */
export interface RankedRange extends TokenRange {
  readonly representative: number;
}

/** M for which the open range of large M is ranked: the prefill length of the published layer benchmarks. */
const largeTokens = 2048;

/** The ranges of M, without a gap from `from` on, that schedules are chosen for: each ends with one of `edges`. */
export function tokenRanges(
  edges: readonly number[],
  from: number,
  to: number | undefined,
): readonly RankedRange[] {
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
