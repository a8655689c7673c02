import type { Operand } from '../linear-algebra/operand.ts';
import { packPanels } from '../linear-algebra/pack-panels.ts';
import { panelEngine } from '../linear-algebra/panel-engine.ts';
import { panelRows } from '../linear-algebra/panel-kernel.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { baseColumnsOf } from '../reference/outlier-columns.ts';
import { scaleOf } from './channel-scale.ts';
import { roundBlockRow } from './gptq-block.ts';
import type { LinearWeights } from './linear-weights.ts';
import type { Sparsity } from './prune-group.ts';
import type { QuantisedRows } from './quantised-rows.ts';

/** GPTQ of rows, which know nothing of each other once the inverse is factorised; a task does `rows` of them. */
export interface GptqRowsJob {
  readonly kind: 'gptq-rows';
  readonly linear: LinearWeights;
  readonly result: QuantisedRows;
  readonly rows: number;
  /** [K] columns in the order of the factor: base columns, then outlier columns, ascending. */
  readonly order: Int32Array;
  /** [K] 1 where a column never saw anything but zeros. */
  readonly dead: Uint8Array;
  /** U, turned: see InverseFactor. */
  readonly factor: Float64Array;
  readonly sparsity: Sparsity;
}

/**
 * Columns of a block. Within one, a row's errors are handed on one by one; all that blocks before did to it comes as a product of
 * its own, once. A multiple of a group of pruning.
 */
const blockSize = 32;
/** k of a product at a time: U's panels are then 64 KiB. */
const mostDepth = 256;

/**
 * W's columns from left to right: each is rounded, and its error, over U's diagonal, taken from the columns right of it in the
 * measure of U's row. Outlier columns, at the right, are only corrected. Blocks look left: a block is corrected when its turn comes, by
 * the errors of all columns before, so that no more than the errors of these rows is kept, in panels ready to multiply.
 */
export function performGptqRows(job: GptqRowsJob, task: number): void {
  const { linear, result, rows, order, factor } = job;
  const { n, k, outlierColumns, bits, dtype } = linear;
  const baseCount = k - outlierColumns.length;
  const first = task * rows;
  const count = Math.min(n, first + rows) - first;
  const panels = Math.ceil(count / panelRows);
  const { multiply, reserve } = panelEngine();
  // The block of all rows, then panels of their errors, then those of U.
  const errors = panels * panelRows * blockSize;
  const b = errors + panels * panelRows * baseCount;
  const memory = reserve(b + blockSize * mostDepth);
  const turned: Operand = { data: factor, offset: k * k - 1, rowStride: -1, depthStride: -k };
  const scales = searchScales(job, first, count);
  const { round } = narrowFloat(dtype);
  const sums = new Int32Array(count);

  for (let from = 0, to = 0; from < k; from = to) {
    const isBase = from < baseCount;
    to = Math.min(from + blockSize, isBase ? baseCount : k);
    loadBlock(job, memory, { first, count, from, to });
    const depth = Math.min(from, baseCount);
    for (let at = 0; at < depth; at += mostDepth) {
      const range = { from: at, to: Math.min(depth, at + mostDepth) };
      packPanels(memory, b, turned, { from, to }, range, -1);
      const [a, aStride] = [8 * (errors + panelRows * at), 8 * panelRows * baseCount];
      const [bStride, bPanels] = [8 * panelRows * (range.to - at), Math.ceil((to - from) / panelRows)];
      multiply(a, aStride, panels, 8 * b, bStride, bPanels, 0, 8 * blockSize, range.to - at);
    }
    if (isBase) {
      const block = { from, width: to - from, u: blockOf(factor, k, from, to), bits, sparsity: job.sparsity };
      const codes = new Int8Array(block.width);
      const rowErrors = new Float64Array(block.width);
      for (let row = 0; row < count; row++) {
        const values = memory.subarray(row * blockSize, row * blockSize + block.width);
        roundBlockRow(block, values, scales[row] ?? 0, codes, rowErrors);
        const panel = errors + (row - (row % panelRows)) * baseCount + (row % panelRows);
        for (let i = 0; i < block.width; i++) {
          memory[panel + panelRows * (from + i)] = rowErrors[i] ?? 0;
          result.codes[(first + row) * k + (order[from + i] ?? 0)] = codes[i] ?? 0;
          sums[row] = (sums[row] ?? 0) + (codes[i] ?? 0);
        }
      }
    } else {
      for (let row = 0; row < count; row++)
        for (let i = 0; i < to - from; i++)
          result.outlierWeights[(first + row) * outlierColumns.length + from - baseCount + i] = round(
            memory[row * blockSize + i] ?? 0,
          );
    }
  }
  for (let row = 0; row < count; row++) {
    result.scales[first + row] = scales[row] ?? 0;
    result.reduced[first + row] = Math.fround((scales[row] ?? 0) * (sums[row] ?? 0));
  }
}

/** s_w of each row, from its base columns as they were: what roundToNearest takes. */
function searchScales({ linear }: GptqRowsJob, first: number, count: number): Float32Array {
  const { weights, k, outlierColumns, bits, clip } = linear;
  const base = baseColumnsOf(k, outlierColumns);
  const values = new Float32Array(base.length);
  return Float32Array.from({ length: count }, (_, row) => {
    base.forEach((column, index) => {
      values[index] = weights[(first + row) * k + column] ?? 0;
    });
    return scaleOf(values, bits, clip);
  });
}

interface Block {
  readonly first: number;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/** The weights of a block's columns, those of dead base columns 0. */
function loadBlock(
  { linear: { weights, k, outlierColumns }, order, dead }: GptqRowsJob,
  memory: Float64Array,
  { first, count, from, to }: Block,
): void {
  const isBase = from < k - outlierColumns.length;
  for (let row = 0; row < count; row++) {
    for (let i = from; i < to; i++) {
      const column = order[i] ?? 0;
      const isLost = isBase && dead[column] === 1;
      memory[row * blockSize + i - from] = isLost ? 0 : (weights[(first + row) * k + column] ?? 0);
    }
  }
}

/** U's rows and columns `from` to `to`, row-major. */
function blockOf(factor: Float64Array, k: number, from: number, to: number): Float64Array {
  const width = to - from;
  return Float64Array.from(
    { length: width * width },
    (_, at) => factor[k * k - 1 - (from + Math.floor(at / width)) * k - (from + (at % width))] ?? 0,
  );
}
