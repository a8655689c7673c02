import { assert } from '../support/assert.ts';
import { multiplyFewRows } from './multiply-few-rows.ts';
import type { Range } from './operand.ts';
import { packPanels } from './pack-panels.ts';
import { panelEngine } from './panel-engine.ts';
import { panelRows } from './panel-kernel.ts';
import type { ProductJob } from './product-job.ts';
import { oneThread, type Threads } from './threads.ts';

/** Of a tile at most: A's and B's panels and the sums, of 0.25 to 0.5 MiB each, stay in a core's second cache. */
const mostRows = 256;
const mostColumns = 128;
const mostDepth = 256;
/** A single row is multiplied quicker than B is packed for it. */
const leastRows = 2;

/** With fewer products, waking other threads takes longer than they save. */
export const leastWork = 2 ** 21;
const alone = oneThread<ProductJob>(performProduct);

/** Computes a product on all threads. */
export function multiply(threads: Threads<ProductJob>, job: ProductJob): void {
  const { rows, columns, depth } = job;
  const operands = [job.a.data, job.b.data, job.out.data];
  const isShared = operands.every(({ buffer }) => buffer instanceof SharedArrayBuffer);
  // A worker would write to a copy.
  assert(threads.count === 1 || isShared, 'what several threads multiply is in shared memory');
  if (rows === 0 || columns === 0) return;
  (rows * columns * depth < leastWork ? alone : threads).run(job, tilesOf(job).count);
}

/** One tile of a product. */
export function performProduct(job: ProductJob, task: number): void {
  const tiles = tilesOf(job);
  const [across, down] = [task % tiles.across, Math.floor(task / tiles.across)];
  const rows = cut(down, tiles.rows, job.rows);
  const columns = cut(across, tiles.columns, job.columns);
  if (job.shape === 'symmetric' && columns.from >= rows.to) return;
  if (job.rows < leastRows) multiplyFewRows(job, rows, columns);
  else multiplyTile(job, rows, columns);
}

/** How many tiles there are, in a row of them and in all, and their size: alike, for threads to end together. */
function tilesOf({ rows, columns }: ProductJob) {
  const down = Math.ceil(rows / mostRows);
  const across = Math.ceil(columns / mostColumns);
  const size = (length: number, count: number): number => Math.ceil(length / count / panelRows) * panelRows;
  return { across, count: down * across, rows: size(rows, down), columns: size(columns, across) };
}

function cut(index: number, size: number, end: number): Range {
  return { from: Math.min(index * size, end), to: Math.min((index + 1) * size, end) };
}

function multiplyTile(job: ProductJob, rows: Range, columns: Range): void {
  const panels = (range: Range): number => Math.ceil((range.to - range.from) / panelRows);
  const [aPanels, bPanels] = [panels(rows), panels(columns)];
  const depthStart = job.shape === 'triangular' ? columns.from : 0;
  const longest = Math.min(mostDepth, job.depth - depthStart);
  const stride = bPanels * panelRows;
  // The sums, then A's panels, then B's.
  const a = aPanels * panelRows * stride;
  const b = a + aPanels * panelRows * longest;
  const { multiply: multiplyPanels, reserve } = panelEngine();
  const memory = reserve(b + bPanels * panelRows * longest);
  loadTile(job, rows, columns, memory, stride);
  const sign = job.how === 'subtract' ? -1 : 1;
  for (let from = depthStart; from < job.depth; from += mostDepth) {
    const depth = { from, to: Math.min(from + mostDepth, job.depth) };
    const length = depth.to - from;
    packPanels(memory, a, job.a, rows, depth, sign);
    packPanels(memory, b, job.b, columns, depth);
    const bytes = 8 * panelRows * length;
    multiplyPanels(8 * a, bytes, aPanels, 8 * b, bytes, bPanels, 0, 8 * stride, length);
  }
  storeTile(job, rows, columns, memory, stride);
}

function loadTile(
  { out, how }: ProductJob,
  rows: Range,
  columns: Range,
  memory: Float64Array,
  stride: number,
): void {
  memory.fill(0, 0, Math.ceil((rows.to - rows.from) / panelRows) * panelRows * stride);
  if (how === 'replace') return;
  for (let row = rows.from; row < rows.to; row++) {
    const start = out.offset + row * out.rowStride;
    memory.set(out.data.subarray(start + columns.from, start + columns.to), (row - rows.from) * stride);
  }
}

function storeTile(
  { out, shape }: ProductJob,
  rows: Range,
  columns: Range,
  memory: Float64Array,
  stride: number,
): void {
  for (let row = rows.from; row < rows.to; row++) {
    const at = (row - rows.from) * stride;
    // What is above the diagonal comes from below it: another tile may have written it there already.
    const end = shape === 'symmetric' ? Math.min(columns.to, row + 1) : columns.to;
    if (end <= columns.from) continue;
    const sums = memory.subarray(at, at + end - columns.from);
    out.data.set(sums, out.offset + row * out.rowStride + columns.from);
  }
  if (shape !== 'symmetric') return;
  for (let column = columns.from; column < columns.to; column++) {
    const to = out.offset + column * out.rowStride;
    for (let row = Math.max(rows.from, column); row < rows.to; row++)
      out.data[to + row] = memory[(row - rows.from) * stride + column - columns.from] ?? 0;
  }
}
