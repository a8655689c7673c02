/** M rows, one a token, of `columns` values, row-major. Activations are float64: what is compared with has its own rounding. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function makeMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** One row, without a copy. */
export function rowOf({ columns, data }: Matrix, row: number): Float64Array {
  return data.subarray(row * columns, (row + 1) * columns);
}

/** Another matrix whose row r is `write(row r of x, row r of the result)`. */
export function mapRows(
  x: Matrix,
  columns: number,
  write: (from: Float64Array, to: Float64Array, row: number) => void,
): Matrix {
  const result = makeMatrix(x.rows, columns);
  for (let row = 0; row < x.rows; row++) write(rowOf(x, row), rowOf(result, row), row);
  return result;
}
