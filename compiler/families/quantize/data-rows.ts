import type { QuantizeProblem } from '../../../ir/problem.ts';
import { type NarrowFloat, narrowFloat } from '../../reference/narrow-float.ts';
import { outlierColumns } from '../../reference/outlier-columns.ts';
import { makeStreamKeys, random32, randomBell, randomUnit } from '../../reference/random.ts';

/** What a test row of inputs looks like; `outlierColumns` are larger throughout, as in a real model. */
type RowPattern =
  | 'bell'
  | 'integers' /* 0 … 2^b - 1, ends included: s = 1, every t an integer, codes exact */
  | 'skewed' /* all of one sign, a long tail */
  | 'constant'
  | 'spike' /* zeros and one large value */
  | 'zeros'
  | 'subnormal'
  | 'ties' /* steps of one half: t lies on k + 1/2 */
  | 'wide' /* magnitudes over the format's whole range */
  | 'not-a-number'
  | 'infinite'
  | 'infinite-outlier';

const patterns: readonly RowPattern[] = [
  ...(['bell', 'integers', 'skewed', 'constant', 'bell', 'spike', 'not-a-number'] as const),
  ...(['ties', 'wide', 'zeros', 'infinite', 'subnormal', 'infinite-outlier'] as const),
];

/** Rows after which patterns come again. */
export const patternCount = patterns.length;

/** Inputs of the quantize family: pure functions of (row, place). `width` is K, or 2K for silu-mul ([gate | up]). */
export interface QuantizeData {
  readonly width: number;
  readonly columns: Int32Array;
  /** Bits of x[m][i], i < width. */
  bits(m: number, i: number): number;
  /** Bits of rms-norm's gamma[k]. */
  gammaBits(k: number): number;
}

/** `first` is the pattern of row 0: the two datasets start apart, so that M = 1 sees two of them. */
export function makeQuantizeData(problem: QuantizeProblem, seed: number, first: number): QuantizeData {
  const float = narrowFloat(problem.dtype);
  const columns = outlierColumns(problem.k, problem.outliers, seed + first);
  const outlier = new Uint8Array(problem.k);
  for (const column of columns) outlier[column] = 1;
  const key = makeStreamKeys(seed, first);
  // Base columns for the values that are not finite, by turns of each parity: kernels read columns in pairs.
  const last = problem.k - 1 - (seed % problem.k);
  const place = (parity: number): number => {
    for (let column = last; column >= 0; column--)
      if (column % 2 === parity && outlier[column] === 0) return column;
    return last;
  };
  const places = [place(0), place(1)];
  const top = 2 ** problem.bits - 1;
  const maximum = float.decode(float.infinityBits - 1);

  function value(pattern: RowPattern, stream: number, i: number): number {
    const bell = randomBell(stream, i);
    switch (pattern) {
      case 'bell':
        return bell;
      case 'integers':
        return i % 5 === 0 ? top * (random32(stream, i) & 1) : random32(stream, i) % (top + 1);
      case 'skewed':
        return 0.01 + bell ** 4 / 8;
      case 'constant':
        return 0.3 * randomBell(stream, -1) + 1.7;
      case 'spike':
        return i % problem.k === random32(stream, -2) % problem.k ? 40 : 0;
      case 'ties':
        return i % 4 === 0 ? top * (random32(stream, i) & 1) : (random32(stream, i) % (2 * top + 1)) / 2;
      case 'wide':
        return Math.sign(bell) * Math.min(2 ** (-24 + 38 * randomUnit(stream, i)), maximum);
      case 'subnormal':
        return (random32(stream, i) % 41) * float.ulp(0);
      default:
        return bell;
    }
  }
  const special = (pattern: RowPattern, m: number, i: number, isOutlier: boolean): number | undefined => {
    const isPlace = i % problem.k === places[m % 2] && !isOutlier;
    if (pattern === 'not-a-number' && isPlace) return float.encode(Number.NaN);
    if (pattern === 'infinite' && isPlace) return float.infinityBits;
    if (pattern === 'infinite-outlier' && isOutlier && i % problem.k === columns[columns.length >> 1]) {
      return float.infinityBits;
    }
    return undefined;
  };

  return {
    width: problem.prologue.op === 'silu-mul' ? 2 * problem.k : problem.k,
    columns,
    bits(m, i) {
      const pattern = patterns[(m + first) % patterns.length] ?? 'bell';
      if (pattern === 'zeros') return 0;
      const isOutlier = outlier[i % problem.k] === 1;
      const known = special(pattern, m, i, isOutlier);
      if (known !== undefined) return known;
      const plain = value(pattern, key(1, m), i);
      return encodeFinite(isOutlier && pattern !== 'subnormal' ? 16 * plain : plain, float, maximum);
    },
    gammaBits: (k) => float.encode(1 + randomBell(key(2, 0), k) / 4),
  };
}

function encodeFinite(value: number, float: NarrowFloat, maximum: number): number {
  return float.encode(Math.max(-maximum, Math.min(maximum, value)));
}
