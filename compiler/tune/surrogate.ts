import { assert } from '../support/assert.ts';

/** What is believed of a point that has not been tried. */
export interface Belief {
  readonly mean: number;
  readonly deviation: number;
}

/** Relevance of a feature is searched among these: the longer, the less it matters. */
const lengthScales = [0.3, 0.7, 1.6, 4] as const;
const sweeps = 2;
/** Variance of one observation beside the surface, as a part of the surface's own. Timings repeat to a few percent. */
const noise = 0.01;

/**
 * A Gaussian process over points of the unit cube (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2.2 and
 * 5.4.1): squared exponential kernel, one length scale a feature, chosen by coordinate search on the marginal likelihood.
 * Throws only where points and values do not match.
 */
export function fitSurrogate(
  points: readonly (readonly number[])[],
  values: readonly number[],
): (point: readonly number[]) => Belief {
  assert(points.length === values.length && points.length > 0, 'as many values as points');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const spread = Math.sqrt(Math.max(variance, 1e-12));
  const targets = values.map((value) => (value - mean) / spread);

  let scales = (points[0] ?? []).map(() => 0.7);
  let best = condition(points, targets, scales);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const [index] of scales.entries()) {
      for (const scale of lengthScales) {
        const tried = scales.map((old, other) => (other === index ? scale : old));
        const model = condition(points, targets, tried);
        if (model.likelihood > best.likelihood) [best, scales] = [model, tried];
      }
    }
  }
  const { factor, weights } = best;
  return (point) => {
    const row = points.map((other) => kernel(point, other, scales));
    const guess = row.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 0);
    const solved = forward(factor, row);
    const explained = solved.reduce((sum, value) => sum + value * value, 0);
    return {
      mean: mean + spread * guess,
      deviation: spread * Math.sqrt(Math.max(1 - explained, 1e-9)),
    };
  };
}

function kernel(a: readonly number[], b: readonly number[], scales: readonly number[]): number {
  let distance = 0;
  for (const [index, scale] of scales.entries())
    distance += (((a[index] ?? 0) - (b[index] ?? 0)) / scale) ** 2;
  return Math.exp(-distance / 2);
}

type Matrix = readonly Float64Array[];

/** Cholesky factor of the kernel matrix, weights of the observations, and the log marginal likelihood. */
function condition(
  points: readonly (readonly number[])[],
  targets: readonly number[],
  scales: readonly number[],
) {
  const factor = points.map((point, row) => {
    const line = new Float64Array(row + 1);
    for (let column = 0; column <= row; column++)
      line[column] = kernel(point, points[column] ?? [], scales) + (column === row ? noise : 0);
    return line;
  });
  for (let row = 0; row < factor.length; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = at(factor, row, column);
      for (let k = 0; k < column; k++) sum -= at(factor, row, k) * at(factor, column, k);
      const line = factor[row];
      if (line !== undefined)
        line[column] = column === row ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(factor, column, column);
    }
  }
  const halfway = forward(factor, targets);
  const weights = backward(factor, halfway);
  const fit = targets.reduce((sum, target, index) => sum + target * (weights[index] ?? 0), 0);
  const volume = factor.reduce((sum, line, index) => sum + Math.log(line[index] ?? 1), 0);
  return { factor, weights, likelihood: -fit / 2 - volume };
}

function at(matrix: Matrix, row: number, column: number): number {
  return matrix[row]?.[column] ?? 0;
}

function forward(factor: Matrix, right: readonly number[]): readonly number[] {
  const solved: number[] = [];
  for (const [row, value] of right.entries()) {
    let sum = value;
    for (let column = 0; column < row; column++) sum -= at(factor, row, column) * (solved[column] ?? 0);
    solved.push(sum / at(factor, row, row));
  }
  return solved;
}

function backward(factor: Matrix, right: readonly number[]): readonly number[] {
  const solved = new Array<number>(right.length).fill(0);
  for (let row = right.length - 1; row >= 0; row--) {
    let sum = right[row] ?? 0;
    for (let below = row + 1; below < right.length; below++)
      sum -= at(factor, below, row) * (solved[below] ?? 0);
    solved[row] = sum / at(factor, row, row);
  }
  return solved;
}
