import type { QuantizeProblem } from '../../../ir/problem.ts';
import { narrowFloat } from '../../reference/narrow-float.ts';
import { baseColumnsOf } from '../../reference/outlier-columns.ts';
import { runPrologue } from '../../reference/prologue.ts';
import { smallestScale } from '../../reference/quantise-row.ts';
import { gamma } from '../../reference/tolerance.ts';
import type { QuantizeRoundings } from '../family.ts';
import type { QuantizeData } from './data-rows.ts';

/** A closed interval. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** What a row's outputs may be. */
export interface ExpectedRow {
  /** x after the prologue, per original column: the activation-dtype values it may have been rounded to. */
  readonly x: { readonly low: Float64Array; readonly high: Float64Array };
  /** For each stored code its original column, -1 where any code will do (an outlier column kept in place). */
  readonly codeColumns: Int32Array;
  /** False: a base value, or the range of them in FP32, is not finite, so row meta must be {NaN, NaN} and codes are of no account. */
  readonly finite: boolean;
  readonly zero: Range;
  /** The scale that goes with the zero `z` that the kernel wrote. */
  scale(zero: number): Range;
}

/** Evaluates row `m` in float64. */
export function expectRow(
  problem: QuantizeProblem,
  roundings: QuantizeRoundings,
  data: QuantizeData,
  m: number,
): ExpectedRow {
  const float = narrowFloat(problem.dtype);
  const x = runPrologue(
    problem.prologue,
    {
      values: Float64Array.from({ length: data.width }, (_, i) => float.decode(data.bits(m, i))),
      gamma: Float64Array.from({ length: problem.k }, (_, k) => float.decode(data.gammaBits(k))),
      roundings: roundings.prologue,
    },
    float,
  );
  const base = baseColumnsOf(problem.k, data.columns);
  let finite = true;
  let [leastLow, leastHigh] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [mostLow, mostHigh] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const column of base) {
    const low = x.low[column] ?? Number.NaN;
    const high = x.high[column] ?? Number.NaN;
    finite &&= Number.isFinite(low) && Number.isFinite(high);
    leastLow = Math.min(leastLow, low);
    leastHigh = Math.min(leastHigh, high);
    mostLow = Math.max(mostLow, low);
    mostHigh = Math.max(mostHigh, high);
  }
  // A BF16 row may hold finite values whose range overflows FP32: as good as not finite.
  finite &&= base.length === 0 || Number.isFinite(Math.fround(mostHigh - leastLow));
  const levels = 2 ** problem.bits - 1;
  const relative = gamma(roundings.scale);
  const empty = base.length === 0;
  return {
    x,
    codeColumns: problem.columns === 'compact' ? base : inPlaceColumns(problem.k, data.columns),
    finite,
    zero: empty ? { low: 0, high: 0 } : { low: leastLow, high: leastHigh },
    scale: (zero) => ({
      low: empty ? smallestScale : Math.max(((mostLow - zero) / levels) * (1 - relative), smallestScale),
      high: empty ? smallestScale : Math.max(((mostHigh - zero) / levels) * (1 + relative), smallestScale),
    }),
  };
}

function inPlaceColumns(k: number, outliers: Int32Array): Int32Array {
  const columns = Int32Array.from({ length: k }, (_, column) => column);
  for (const column of outliers) columns[column] = -1;
  return columns;
}
