import type { ManifestKernel } from '../../ir/manifest.ts';
import type { Comparison } from '../families/family.ts';
import { familiesOf } from '../families/index.ts';
import { compareLinear } from '../families/linear/cases-compare.ts';
import { compareQuantize } from '../families/quantize/cases-compare.ts';
import type { Matrix } from '../reference/float-model/matrix.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { assert } from '../support/assert.ts';
import type { LinearOperands } from './linear-operands.ts';
import { widen } from './oracle-job.ts';
import { bytesOfValues, type QuantisedBytes } from './row-bytes.ts';
import type { QuantisedRows, QuantizeOperands } from './site-runner.ts';

/** One CTA stands for the whole grid: everything is compared. */
const whole = [[0, 0, 0]] as const;

/** What a quantize kernel made of x, against the float64 oracle within the kernel's derived bounds, as verify compares. */
export function judgeRows(
  { spec, resources }: ManifestKernel,
  x: Matrix,
  { gamma, outlierColumns }: QuantizeOperands,
  { codes, rowMeta, outlierRows }: QuantisedBytes,
): Comparison {
  assert(spec.family === 'quantize', 'the kernel quantises');
  const { problem } = spec;
  const { encode } = narrowFloat(problem.dtype);
  const roundings = familiesOf(resources.dialect).quantize.roundings(spec);
  const rowsOf = () => Array.from({ length: x.rows }, (_, row) => row);
  const data = {
    width: x.columns,
    columns: outlierColumns,
    bits: (m: number, i: number) => encode(x.data[m * x.columns + i] ?? 0),
    gammaBits: (k: number) => encode(gamma?.[k] ?? 0),
  };
  const written = new Map(Object.entries({ codes, row_meta: rowMeta, outlier_rows: outlierRows }));
  return compareQuantize(
    { problem, cover: { rowsOf, roundings }, data, m: x.rows },
    (name, offset, length) => (written.get(name) ?? new Uint8Array()).slice(offset, offset + length),
    whole,
  );
}

/** y of a linear kernel against the float64 oracle on the codes that the kernel was given. */
export function judgeLinear(
  { spec, resources }: ManifestKernel,
  rows: QuantisedRows,
  { weights, bias }: LinearOperands,
  residual: Matrix | undefined,
  y: Matrix,
): Comparison {
  assert(spec.family === 'linear', 'the kernel multiplies');
  const { problem } = spec;
  const float = narrowFloat(problem.dtype);
  const roundings = familiesOf(resources.dialect).linear.roundings(spec);
  const { k } = weights;
  const outliers = weights.outlierColumns.length;
  const kept = (values: ArrayLike<number>, row: number, f: number) =>
    f < outliers ? float.encode(values[row * outliers + f] ?? 0) : 0;
  const cover = {
    ...{ tileN: weights.n, tileM: rows.rows, ctasPerTile: 1, roundings, runsWhole: true as const },
    placeOf: () => ({ place: { n: 0, m: 0 }, slice: 0 }),
  };
  const data = {
    ...{ problem, cover, m: rows.rows, kind: 'real' as const },
    weights: {
      tile: (first: number, end: number) => widen(weights.codes, first, end, k),
      meta: (n: number) => ({
        ...{ scale: weights.scales[n] ?? 0, reduced: weights.reduced[n] ?? 0, bias: bias?.[n] ?? 0 },
      }),
      outlierBits: (n: number, f: number) => kept(weights.outlierWeights, n, f),
    },
    activations: {
      tile: (first: number, end: number) => widen(rows.codes, first, end, k),
      meta: (m: number) => ({ scale: rows.meta[2 * m] ?? 0, zero: rows.meta[2 * m + 1] ?? 0 }),
      outlierBits: (m: number, f: number) => kept(rows.outliers, m, f),
      residualBits: (m: number, n: number) => float.encode(residual?.data[m * weights.n + n] ?? 0),
    },
  };
  const bytes = bytesOfValues(y.data, float);
  return compareLinear(
    data,
    (_, offset, length) => bytes.slice(offset, offset + length),
    whole,
    'whole-grid',
  );
}
