import type { Operand, Range } from './operand.ts';
import { panelRows } from './panel-kernel.ts';

/**
 * Writes elements `rows` x `depth` of an operand to `into` from `at` on, as panels of four rows, one after the other: four values
 * for each k. Rows beyond the last repeat it, for what is computed of them nobody reads. `sign` -1 turns each value's sign.
 */
export function packPanels(
  into: Float64Array,
  at: number,
  operand: Operand,
  rows: Range,
  depth: Range,
  sign: 1 | -1 = 1,
): void {
  const { data, offset, rowStride, depthStride } = operand;
  const values = panelRows * (depth.to - depth.from);
  if (data instanceof Float64Array && Math.abs(rowStride) < Math.abs(depthStride)) {
    packColumns(into, at, data, operand, rows, depth, sign);
    return;
  }
  for (let row = rows.from, panel = at; row < rows.to; row += panelRows, panel += values) {
    const start = (index: number): number =>
      offset + Math.min(row + index, rows.to - 1) * rowStride + depth.from * depthStride;
    const starts = [start(0), start(1), start(2), start(3)] as const;
    if (data instanceof Float64Array) packPanel64(into, panel, data, starts, depthStride, values, sign);
    else packPanel32(into, panel, data, starts, depthStride, values, sign);
  }
}

/** Where rows are neighbours: k by k, for whole cache lines are read then. */
function packColumns(
  into: Float64Array,
  at: number,
  data: Float64Array,
  { offset, rowStride, depthStride }: Operand,
  rows: Range,
  depth: Range,
  sign: number,
): void {
  const values = panelRows * (depth.to - depth.from);
  const last = rows.to - 1;
  for (let k = depth.from; k < depth.to; k++) {
    const start = offset + k * depthStride;
    let to = at + panelRows * (k - depth.from);
    for (let row = rows.from; row <= last; row += panelRows, to += values) {
      into[to] = sign * (data[start + rowStride * row] ?? 0);
      into[to + 1] = sign * (data[start + rowStride * Math.min(row + 1, last)] ?? 0);
      into[to + 2] = sign * (data[start + rowStride * Math.min(row + 2, last)] ?? 0);
      into[to + 3] = sign * (data[start + rowStride * Math.min(row + 3, last)] ?? 0);
    }
  }
}

type Starts = readonly [number, number, number, number];

// Twice the same, so that V8 knows in each loop what it loads.
function packPanel64(
  into: Float64Array,
  at: number,
  data: Float64Array,
  starts: Starts,
  step: number,
  values: number,
  sign: number,
): void {
  let [a, b, c, d] = starts;
  for (let i = at; i < at + values; i += 4) {
    into[i] = sign * (data[a] ?? 0);
    into[i + 1] = sign * (data[b] ?? 0);
    into[i + 2] = sign * (data[c] ?? 0);
    into[i + 3] = sign * (data[d] ?? 0);
    a += step;
    b += step;
    c += step;
    d += step;
  }
}

function packPanel32(
  into: Float64Array,
  at: number,
  data: Float32Array,
  starts: Starts,
  step: number,
  values: number,
  sign: number,
): void {
  let [a, b, c, d] = starts;
  for (let i = at; i < at + values; i += 4) {
    into[i] = sign * (data[a] ?? 0);
    into[i + 1] = sign * (data[b] ?? 0);
    into[i + 2] = sign * (data[c] ?? 0);
    into[i + 3] = sign * (data[d] ?? 0);
    a += step;
    b += step;
    c += step;
    d += step;
  }
}
