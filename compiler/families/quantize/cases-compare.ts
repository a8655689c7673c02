import { baseColumns, type QuantizeProblem } from '../../../ir/problem.ts';
import { ComparisonTally } from '../../reference/comparison-tally.ts';
import { codesRowStride, outlierRowStride, paddedBase, rowMetaStride } from '../../reference/layouts.ts';
import { narrowFloat, roundHalfEven } from '../../reference/narrow-float.ts';
import { unpackCodes } from '../../reference/pack-codes.ts';
import { gamma } from '../../reference/tolerance.ts';
import type { Comparison, CtaIndex } from '../family.ts';
import type { QuantizeCover } from './cover.ts';
import type { QuantizeData } from './data-rows.ts';
import { type ExpectedRow, expectRow } from './oracle.ts';

export type ReadOutput = (argument: string, offset: number, length: number) => Uint8Array;

export interface QuantizeDataset {
  readonly problem: QuantizeProblem;
  readonly cover: QuantizeCover;
  readonly data: QuantizeData;
  readonly m: number;
}

/** Compares codes, row meta, outliers and padding of the rows that `ctas` had to write. */
export function compareQuantize(
  { problem, cover, data, m }: QuantizeDataset,
  read: ReadOutput,
  ctas: readonly CtaIndex[],
): Comparison {
  const tally = new ComparisonTally();
  let ambiguous = 0;
  for (const row of new Set(ctas.flatMap((cta) => cover.rowsOf(cta, m)))) {
    const expected = expectRow(problem, cover.roundings, data, row);
    const meta = compareMeta(expected, row, read, tally);
    ambiguous += compareCodes(problem, cover, expected, meta, row, read, tally);
    if (problem.outliers > 0) compareOutliers(problem, data, expected, row, read, tally);
  }
  tally.note(
    `${ambiguous} codes lay within their error of a rounding boundary: either neighbour was allowed`,
  );
  return tally.result();
}

interface RowMeta {
  readonly scale: number;
  readonly zero: number;
}

function compareMeta(expected: ExpectedRow, row: number, read: ReadOutput, tally: ComparisonTally): RowMeta {
  const bytes = read('row_meta', row * rowMetaStride, rowMetaStride);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scale = view.getFloat32(0, true);
  const zero = view.getFloat32(4, true);
  if (!expected.finite) {
    for (const [name, value] of [['s', scale] as const, ['z', zero] as const]) {
      tally.add(Number.isNaN(value), Number.isNaN(value) ? 0 : Number.MAX_VALUE, () => {
        return `row ${row}: a base value is not finite, so ${name} must be NaN, got ${value}`;
      });
    }
    return { scale, zero };
  }
  const { low, high } = expected.zero;
  const zeroRight = zero >= low && zero <= high;
  tally.add(
    zeroRight,
    zeroRight ? 0 : Number.MAX_VALUE,
    () => `row ${row}: z = ${zero}, expected ${low} … ${high}`,
  );
  // A wrong z is reported once; s and the codes are then judged against the z that should have been.
  const usedZero = zeroRight ? zero : low;
  const range = expected.scale(usedZero);
  const scaleRight = scale >= range.low && scale <= range.high;
  const middle = (range.low + range.high) / 2;
  const ratio = range.high > range.low ? Math.abs(scale - middle) / (range.high - middle) : 0;
  tally.add(scaleRight, scaleRight ? ratio : Math.max(ratio, 1.001), () => {
    return `row ${row}: s = ${scale}, expected ${range.low} … ${range.high}`;
  });
  return { scale: scaleRight ? scale : middle, zero: usedZero };
}

/** Returns how many codes had two right answers. */
function compareCodes(
  problem: QuantizeProblem,
  { roundings }: QuantizeCover,
  expected: ExpectedRow,
  { scale, zero }: RowMeta,
  row: number,
  read: ReadOutput,
  tally: ComparisonTally,
): number {
  const { bits } = problem;
  const base = baseColumns(problem);
  const stride = codesRowStride(base, bits);
  const codes = unpackCodes(read('codes', row * stride, stride), paddedBase(base, bits), bits);
  const half = 2 ** (bits - 1);
  const top = 2 ** bits - 1;
  const relative = gamma(roundings.code);
  let ambiguous = 0;
  for (let i = base; i < codes.length; i++) {
    if (codes[i] !== 0) tally.fail(`row ${row}: padding code ${i} is ${codes[i]}, not 0`);
  }
  if (!expected.finite) return 0;
  for (let i = 0; i < base; i++) {
    const column = expected.codeColumns[i] ?? -1;
    if (column < 0) continue;
    const code = (codes[i] ?? 0) + half;
    const low = Math.max(0, ((expected.x.low[column] ?? 0) - zero) / scale) * (1 - relative);
    const high = Math.max(0, ((expected.x.high[column] ?? 0) - zero) / scale) * (1 + relative);
    const least = Math.min(roundHalfEven(low), top);
    const most = Math.min(roundHalfEven(high), top);
    if (least !== most) ambiguous++;
    const middle = Math.min((low + high) / 2, top);
    const ratio = Math.abs(code - middle) / (0.5 + (high - low) / 2);
    tally.add(code >= least && code <= most, ratio, () => {
      return `row ${row}, column ${column}: code ${code - half}, expected ${least - half} … ${most - half} (t = ${middle})`;
    });
  }
  return ambiguous;
}

function compareOutliers(
  problem: QuantizeProblem,
  data: QuantizeData,
  expected: ExpectedRow,
  row: number,
  read: ReadOutput,
  tally: ComparisonTally,
): void {
  const { outliers, dtype, prologue } = problem;
  const float = narrowFloat(dtype);
  const stride = outlierRowStride(outliers);
  const bytes = read('outlier_rows', row * stride, stride);
  for (let f = 0; f < stride / 2; f++) {
    const bits = (bytes[2 * f] ?? 0) | ((bytes[2 * f + 1] ?? 0) << 8);
    if (f >= outliers) {
      if (bits !== 0) tally.fail(`row ${row}: outlier padding ${f} has bits ${bits}, not 0`);
      continue;
    }
    const column = data.columns[f] ?? 0;
    const value = float.decode(bits);
    const low = expected.x.low[column] ?? Number.NaN;
    const high = expected.x.high[column] ?? Number.NaN;
    // Without a prologue an outlier is copied, bit for bit; a NaN stays some NaN.
    const same = prologue.op === 'none' ? bits === data.bits(row, column) : value >= low && value <= high;
    const right = same || (Number.isNaN(value) && Number.isNaN(low));
    tally.add(right, right ? 0 : Number.MAX_VALUE, () => {
      return `row ${row}, outlier ${f} (column ${column}): ${value}, expected ${low} … ${high}`;
    });
  }
}
