import { baseColumns, type LinearProblem } from '../../../ir/problem.ts';
import type { CodePattern } from '../../reference/code-words.ts';

/**
 * integer: every factor a small integer or a power of two, so that most outputs are exact in any order of summation and
 * are compared bit for bit. real: random FP32 and 16-bit values, compared within the derived bound.
 */
export type DatasetKind = 'integer' | 'real';

/** What is special about a test row besides its codes. */
export type RowRole = 'plain' | 'offset' | 'zero-range' | 'non-finite' | 'infinite-outlier';

export interface RowPattern {
  readonly codes: CodePattern;
  readonly role: RowRole;
}

// 13 rows and 11 channels: coprime to every tile size, so each meets each lane, warp and position of a fragment.
const rowPatterns: readonly RowPattern[] = [
  { codes: 'full', role: 'plain' },
  { codes: 'low', role: 'plain' },
  { codes: 'spikes', role: 'plain' },
  { codes: 'full', role: 'offset' },
  { codes: 'full', role: 'non-finite' },
  { codes: 'small', role: 'offset' },
  { codes: 'constant', role: 'offset' },
  { codes: 'lowest', role: 'zero-range' },
  { codes: 'full', role: 'plain' },
  { codes: 'high', role: 'offset' },
  { codes: 'zeros', role: 'offset' },
  { codes: 'lowest', role: 'plain' },
  { codes: 'full', role: 'infinite-outlier' },
];
const channelPatterns: readonly CodePattern[] = [
  ...(['full', 'small', 'full', 'high', 'spikes', 'full'] as const),
  ...(['lowest', 'full', 'constant', 'low', 'zeros'] as const),
];

/** The datasets start three rows apart, so that M = 1 sees a plain row in one and an offset one in the other. */
export function rowPattern(kind: DatasetKind, m: number): RowPattern {
  const pattern = rowPatterns[(m + (kind === 'real' ? 3 : 0)) % rowPatterns.length];
  if (!pattern) throw new RangeError(`row ${m}`);
  return pattern;
}

export function channelPattern(n: number): CodePattern {
  return channelPatterns[n % channelPatterns.length] ?? 'full';
}

/**
 * The negated exponent of a row's or channel's scale, chosen by its codes so that no output passes about 2^14 (an FP16
 * overflow would hide errors) while light rows keep unit steps (where one wrong code changes y's bits). Two heavy
 * vectors give |acc| up to h^2 K, two full ones about h^2 / 3 * sqrt(K): both are scaled below 2^12.
 */
export function scaleExponent(problem: LinearProblem, codes: CodePattern): number {
  if (codes === 'small' || codes === 'spikes' || codes === 'zeros') return 0;
  const columns = Math.max(1, baseColumns(problem));
  const square = 2 ** (2 * (problem.weightBits - 1));
  const full = (square / 3) * Math.sqrt(columns);
  const magnitude = codes === 'full' ? full : square * columns;
  return Math.max(0, Math.ceil((Math.log2(magnitude) - 12) / 2));
}
