import { addsResidual, type LinearProblem } from '../../../ir/problem.ts';
import { integerProduct } from '../../reference/integer-product.ts';
import { paddedOutliers } from '../../reference/layouts.ts';
import { narrowFloat } from '../../reference/narrow-float.ts';
import { outlierProduct } from '../../reference/outlier-product.ts';
import { gamma, underflow } from '../../reference/tolerance.ts';
import type { OutputRegion } from './cover.ts';
import type { ActivationData } from './data-activations.ts';
import type { ColumnMeta, WeightData } from './data-weights.ts';

/** y[m,n] in float64, term by term, and what FP32 may make of it. */
export interface ExpectedElement {
  /** The exact int32 product. */
  readonly acc: number;
  /** acc * s_a * s_w. */
  readonly base: number;
  /** (z + h s_a) * R. */
  readonly zeroPoint: number;
  readonly outliers: number;
  readonly bias: number;
  readonly residual: number;
  readonly value: number;
  /** gamma(c) * sum |terms|, or 0 where every order of summation is exact. NaN where value is not finite. */
  readonly bound: number;
  /** s_a * s_w: what one unit of acc is worth. */
  readonly unit: number;
}

/** The oracle of one tile of y: `at(n, m)` for channels and tokens inside the region. */
export interface TileOracle {
  at(n: number, m: number): ExpectedElement;
}

/**
 * Evaluates y over `region` from the dataset itself, never from packed bytes. `unitsAreExact`: every scale is a power
 * of two and every other factor an integer or such a multiple, so that all terms are multiples of s_a * s_w.
 */
export function makeTileOracle(
  problem: LinearProblem,
  roundings: number,
  weights: Omit<WeightData, 'word'>,
  activations: Omit<ActivationData, 'word'>,
  region: OutputRegion,
  unitsAreExact: boolean,
): TileOracle {
  const { n0, n1, m0, m1 } = region;
  const float = narrowFloat(problem.dtype);
  const channels = weights.tile(n0, n1);
  const tokens = activations.tile(m0, m1);
  const acc = integerProduct(channels, tokens);
  const columns = paddedOutliers(problem.outliers);
  const outlierRows = (start: number, end: number, bits: (row: number, f: number) => number): Float64Array =>
    Float64Array.from({ length: (end - start) * columns }, (_, i) =>
      float.decode(bits(start + Math.floor(i / columns), i % columns)),
    );
  const outliers = outlierProduct(
    outlierRows(n0, n1, weights.outlierBits),
    outlierRows(m0, m1, activations.outlierBits),
    n1 - n0,
    m1 - m0,
    columns,
  );
  const half = 2 ** (problem.activationBits - 1);
  const relative = gamma(roundings);
  const hasResidual = addsResidual(problem);
  const channelMeta: ColumnMeta[] = Array.from({ length: n1 - n0 }, (_, i) => weights.meta(n0 + i));
  const rowMeta = Array.from({ length: m1 - m0 }, (_, i) => activations.meta(m0 + i));

  return {
    at(n, m) {
      const column = channelMeta[n - n0] ?? { scale: 0, reduced: 0, bias: 0 };
      const row = rowMeta[m - m0] ?? { scale: 0, zero: 0 };
      const sum = acc[(n - n0) * tokens.rows + m - m0] ?? 0;
      const place = (n - n0) * (m1 - m0) + m - m0;
      const unit = row.scale * column.scale;
      const base = sum * unit;
      const zeroPoint = (row.zero + half * row.scale) * column.reduced;
      const outlierSum = outliers.sums[place] ?? 0;
      const residual = hasResidual ? float.decode(activations.residualBits(m, n)) : 0;
      const magnitude =
        Math.abs(base) +
        Math.abs(zeroPoint) +
        (outliers.magnitudes[place] ?? 0) +
        Math.abs(column.bias) +
        Math.abs(residual);
      // Multiples of `unit` whose magnitudes add up to less than 2^24 units: no order of adding rounds or cuts any.
      const exact = unitsAreExact && magnitude < 2 ** 24 * Math.min(unit, 1);
      return {
        acc: sum,
        base,
        zeroPoint,
        outliers: outlierSum,
        bias: column.bias,
        residual,
        value: base + zeroPoint + outlierSum + column.bias + residual,
        bound: exact ? 0 : relative * magnitude + underflow,
        unit,
      };
    },
  };
}
