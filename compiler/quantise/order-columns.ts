import { baseColumnsOf } from '../reference/outlier-columns.ts';

export type ColumnOrder =
  | { readonly kind: 'natural' }
  /** `score`: [K] */
  | { readonly kind: 'score'; readonly score: Float32Array }
  | { readonly kind: 'act-order' };

/** Base columns in the order in which they are rounded, of equal ones the lower first; then outlier columns, ascending. */
export function orderColumns(
  order: ColumnOrder,
  diagonal: Float64Array,
  outlierColumns: Int32Array,
): Int32Array {
  const base = baseColumnsOf(diagonal.length, outlierColumns);
  switch (order.kind) {
    case 'natural':
      break;
    case 'score':
      base.sort((a, b) => (order.score[a] ?? 0) - (order.score[b] ?? 0) || a - b);
      break;
    case 'act-order':
      base.sort((a, b) => (diagonal[b] ?? 0) - (diagonal[a] ?? 0) || a - b);
      break;
  }
  const columns = new Int32Array(diagonal.length);
  columns.set(base);
  columns.set(outlierColumns, base.length);
  return columns;
}
