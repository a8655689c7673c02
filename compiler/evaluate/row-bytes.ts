import type { QuantizeNode } from '../../ir/graph.ts';
import { type Matrix, makeMatrix } from '../reference/float-model/matrix.ts';
import { codesRowStride, outlierRowStride, rowMetaStride } from '../reference/layouts.ts';
import type { NarrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { unpackCodes } from '../reference/pack-codes.ts';
import type { QuantisedRows } from './site-runner.ts';

/** The result of a quantize as kernels write it (docs/layouts.md), and what its bytes mean. */
export interface QuantisedBytes {
  readonly rows: number;
  readonly node: QuantizeNode;
  readonly outlierColumns: Int32Array;
  readonly codes: Uint8Array;
  readonly rowMeta: Uint8Array;
  readonly outlierRows: Uint8Array;
}

/** 16-bit values of a matrix, row-major. */
export function bytesOfValues(values: ArrayLike<number>, { encode }: NarrowFloat): Uint8Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = encode(values[i] ?? 0);
  return new Uint8Array(bits.buffer);
}

/** The bytes of an array, in memory that threads share. */
export function bytesOfArray({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(byteLength));
  shared.set(new Uint8Array(buffer, byteOffset, byteLength));
  return shared;
}

export function valuesOfBytes(bytes: Uint8Array, rows: number, columns: number, float: NarrowFloat): Matrix {
  const matrix = makeMatrix(rows, columns);
  const { data } = matrix;
  for (let i = 0; i < data.length; i++)
    data[i] = float.decode((bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
  return matrix;
}

/** What the bytes of a quantize's result say. */
export function readRows(bytes: QuantisedBytes, float: NarrowFloat): QuantisedRows {
  const { rows, node, outlierColumns } = bytes;
  const { k, bits, columns } = node;
  const base = columns?.mode === 'in-place' ? undefined : baseColumnsOf(k, outlierColumns);
  const stored = base?.length ?? k;
  const codes = new Int8Array(rows * k);
  const meta = new Float64Array(2 * rows);
  const outliers = new Float64Array(rows * outlierColumns.length);
  const view = new DataView(bytes.rowMeta.buffer, bytes.rowMeta.byteOffset, bytes.rowMeta.byteLength);
  const [codeStride, outlierStride] = [codesRowStride(stored, bits), outlierRowStride(outlierColumns.length)];
  for (let row = 0; row < rows; row++) {
    const line = unpackCodes(bytes.codes.subarray(row * codeStride, (row + 1) * codeStride), stored, bits);
    for (let i = 0; i < stored; i++) codes[row * k + (base?.[i] ?? i)] = line[i] ?? 0;
    meta[2 * row] = view.getFloat32(row * rowMetaStride, true);
    meta[2 * row + 1] = view.getFloat32(row * rowMetaStride + 4, true);
    const kept = bytes.outlierRows.subarray(row * outlierStride, (row + 1) * outlierStride);
    outliers.set(valuesOfBytes(kept, 1, outlierColumns.length, float).data, row * outlierColumns.length);
    // In place, any code may stand at an outlier column: its weight code is 0.
    for (const column of outlierColumns) codes[row * k + column] = 0;
  }
  return { rows, k, codes, meta, outliers };
}
