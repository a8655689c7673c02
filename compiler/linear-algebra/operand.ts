/** A matrix, or its transpose, in place: element (row, k) is data[offset + row * rowStride + k * depthStride]. Strides may be negative. */
export interface Operand {
  readonly data: Float64Array | Float32Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly depthStride: number;
}

/** Row-major [rows, columns], whose columns are k; rows from `first` on. */
export function rowsOf(data: Float64Array | Float32Array, columns: number, first = 0): Operand {
  return { data, offset: first * columns, rowStride: columns, depthStride: 1 };
}

/** Row-major [k, columns]: its columns are the operand's rows. */
export function columnsOf(data: Float64Array | Float32Array, columns: number): Operand {
  return { data, offset: 0, rowStride: 1, depthStride: columns };
}

/** From `from` up to, not including, `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}
