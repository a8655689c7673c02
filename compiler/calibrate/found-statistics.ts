import { isQuantised } from '../../ir/quant-scheme.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { LinearStatistics } from '../reference/calibration.ts';
import type { LinearGroup } from './list-layers.ts';

/** What a file has of a linear, and by which name. */
export interface FoundStatistics {
  readonly source: string;
  readonly statistics: LinearStatistics;
}

/**
 * Statistics of all linears, by name: what a file has of one that reads a value holds for all that read it, and where it has the
 * same of several, they become one object.
 */
export function spreadOverGroups(
  groups: readonly LinearGroup[],
  found: ReadonlyMap<string, FoundStatistics>,
): ReadonlyMap<string, FoundStatistics> {
  const spread = new Map<string, FoundStatistics>();
  for (const { linears } of groups) {
    const first = linears.map(({ name }) => found.get(name)).find((entry) => entry !== undefined);
    if (first === undefined) continue;
    for (const { name } of linears) {
      const own = found.get(name) ?? first;
      spread.set(name, areEqual(own.statistics, first.statistics) ? first : own);
    }
  }
  return spread;
}

function areEqual(a: LinearStatistics, b: LinearStatistics): boolean {
  if (a === b) return true;
  const pairs = [
    [a.absMax, b.absMax],
    [a.absMaxRest, b.absMaxRest],
  ] as const;
  return pairs.every(([one, other]) => one.every((value, index) => value === other[index]));
}

/** QK176 for linears that are to be quantised, and of which nothing is known: one fault, however many. */
export function reportMissing(
  file: string,
  groups: readonly LinearGroup[],
  known: ReadonlyMap<string, unknown>,
): readonly Diagnostic[] {
  const missing = groups.flatMap(({ linears }) =>
    linears.filter(({ name, node }) => isQuantised(node.scheme) && !known.has(name)),
  );
  const [first] = missing;
  if (first === undefined) return [];
  const others = missing.length === 1 ? '' : ` and ${missing.length - 1} more`;
  return [diagnose('QK176', { file, message: `nothing is known of ${quoteText(first.name)}${others}` })];
}
