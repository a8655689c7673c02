import type { LinearWeights } from '../../../compiler/quantise/linear-weights.ts';
import type { Sparsity } from '../../../compiler/quantise/prune-group.ts';
import { quantiseWeights, weightCode } from '../../../compiler/reference/quantise-weights.ts';

/** Rows of a square matrix. */
type Rows = readonly Float64Array[];

/** The inverse by Gauss-Jordan, pivots by size. */
function invertPlainly(matrix: Rows): Rows {
  const n = matrix.length;
  const rows = matrix.map((row, i) => Float64Array.of(...row, ...row.map((_, j) => (i === j ? 1 : 0))));
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column; row < n; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const top = rows[column]!;
    const scale = 1 / top[column]!;
    for (let j = 0; j < 2 * n; j++) top[j] = top[j]! * scale;
    for (let row = 0; row < n; row++) {
      if (row !== column) addScaled(rows[row]!, -rows[row]![column]!, top);
    }
  }
  return rows.map((row) => row.slice(n));
}

/** row += factor * other */
function addScaled(row: Float64Array, factor: number, other: Float64Array): void {
  for (let j = 0; j < row.length; j++) row[j] = row[j]! + factor * other[j]!;
}

/** The inverse of a matrix without its first row and column, from the inverse of the whole. */
function eliminateFirst([top, ...rest]: Rows): Rows {
  return rest.map((row) => {
    const left = row.slice();
    addScaled(left, -row[0]! / top![0]!, top!);
    return left.subarray(1);
  });
}

interface PlainResult {
  /** [N, K] in natural order */
  readonly codes: Int8Array;
  /** [N][F], not rounded to 16 bits */
  readonly outlierWeights: number[][];
}

/**
 * Optimal brain surgeon column by column, as its papers derive it: the inverse Hessian of the columns that are left, one column
 * eliminated after the other; no factor, no blocks. `order`: base columns in the order of rounding; outlier columns follow.
 */
export function gptqPlainly(
  { weights, n, k, outlierColumns, bits, clip }: LinearWeights,
  gram: Float64Array,
  base: readonly number[],
  damping: number,
  sparsity: Sparsity = 'dense',
): PlainResult {
  const order = [...base, ...outlierColumns];
  const natural = [...base].sort((a, b) => a - b);
  const live = order.map((column) => gram[column * k + column]!).filter((value) => value > 0);
  const damp = (damping * live.reduce((sum, value) => sum + value, 0)) / live.length;
  const isDead = (column: number) => gram[column * k + column] === 0;
  let inverse = invertPlainly(
    order.map((i) =>
      Float64Array.from(order, (j) => gram[i * k + j]! + (i !== j ? 0 : isDead(i) ? 1 : damp)),
    ),
  );
  const w = Array.from({ length: n }, (_, row) =>
    Float64Array.from(order, (column, i) =>
      isDead(column) && i < base.length ? 0 : weights[row * k + column]!,
    ),
  );
  const scales = w.map((_, row) => {
    const values = Float32Array.from(natural, (column) => weights[row * k + column]!);
    return quantiseWeights(values, bits, { clip }).scale;
  });
  const codes = new Int8Array(n * k);
  const lost = w.map(() => new Set<number>());
  for (let i = 0; i < base.length; i++) {
    // `inverse` is of columns i, i + 1, …
    const [top] = inverse;
    const group = { dense: 1, '2:4': 4, '4:8-pairs': 8 }[sparsity];
    if (sparsity !== 'dense' && i % group === 0)
      w.forEach((row, r) => {
        for (const column of loseOf(row.subarray(i, Math.min(base.length, i + group)), inverse, sparsity))
          lost[r]!.add(i + column);
      });
    w.forEach((row, r) => {
      const code = lost[r]!.has(i) ? 0 : weightCode(row[i]!, scales[r]!, 2 ** (bits - 1));
      codes[r * k + order[i]!] = code;
      addScaled(row.subarray(i), -(row[i]! - scales[r]! * code) / top![0]!, top!);
    });
    inverse = eliminateFirst(inverse);
  }
  return { codes, outlierWeights: w.map((row) => [...row.subarray(base.length)]) };
}

/** What a group loses. SparseGPT measures each of its columns by the inverse of what is left when the column's own turn comes. */
function loseOf(values: Float64Array, inverse: Rows, sparsity: '2:4' | '4:8-pairs'): readonly number[] {
  let rest = inverse;
  const cost = [...values].map((value) => {
    const own = value ** 2 / rest[0]![0]!;
    rest = eliminateFirst(rest);
    return own;
  });
  const unit = sparsity === '2:4' ? 1 : 2;
  const units = Array.from({ length: Math.ceil(cost.length / unit) }, (_, u) =>
    cost.slice(u * unit, (u + 1) * unit).reduce((sum, value) => sum + value, 0),
  );
  const ranked = units.map((_, u) => u).sort((a, b) => units[b]! - units[a]! || a - b);
  return ranked.slice(2).flatMap((u) => Array.from({ length: unit }, (_, j) => u * unit + j));
}
