import type { Range } from './operand.ts';
import type { ProductJob } from './product-job.ts';

/** A tile of a product without packing, for a row or so: four sums at a time, each in the order of k. */
export function multiplyFewRows(job: ProductJob, rows: Range, columns: Range): void {
  const { a, b, out, depth, how } = job;
  const sign = how === 'subtract' ? -1 : 1;
  const x = new Float64Array(depth);
  for (let row = rows.from; row < rows.to; row++) {
    for (let k = 0; k < depth; k++)
      x[k] = sign * (a.data[a.offset + row * a.rowStride + k * a.depthStride] ?? 0);
    for (let column = columns.from; column < columns.to; column += 4) {
      const start = b.offset + column * b.rowStride;
      const width = Math.min(4, columns.to - column);
      const to = out.offset + row * out.rowStride + column;
      const before = (index: number): number =>
        how === 'replace' || index >= width ? 0 : (out.data[to + index] ?? 0);
      let [s0, s1, s2, s3] = [before(0), before(1), before(2), before(3)];
      let at = start;
      const next = (index: number): number => b.rowStride * Math.min(index, width - 1);
      const [w1, w2, w3] = [next(1), next(2), next(3)];
      for (let k = 0; k < depth; k++, at += b.depthStride) {
        const value = x[k] ?? 0;
        s0 += value * (b.data[at] ?? 0);
        s1 += value * (b.data[at + w1] ?? 0);
        s2 += value * (b.data[at + w2] ?? 0);
        s3 += value * (b.data[at + w3] ?? 0);
      }
      const sums = [s0, s1, s2, s3];
      for (let index = 0; index < width; index++) out.data[to + index] = sums[index] ?? 0;
    }
  }
}
