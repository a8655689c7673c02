import { encodeModule, FunctionBuilder, type Local } from '../support/wasm/encoder.ts';

/**
 * Rows of A and of B that a panel has: a tile of the result is 4 x 4, which is eight accumulators. With two vectors of B and
 * one of A they fit the 15 vector registers that V8 gives.
 */
export const panelRows = 4;

/** Byte addresses and strides, and counts of panels and of k. All counts are at least 1. */
export type MultiplyPanels = (
  a: number,
  aStride: number,
  aPanels: number,
  b: number,
  bStride: number,
  bPanels: number,
  out: number,
  outStride: number,
  depth: number,
) => void;

/**
 * The bytes of a module that exports
 *
 *     multiply(a, aStride, aPanels, b, bStride, bPanels, out, outStride, depth)
 *
 * which adds A · Bᵀ to `out`, all float64. A is `aPanels` panels of {@link panelRows} rows, `aStride` bytes apart, B likewise; a
 * panel holds the values of its rows k by k. Rows of `out` are `outStride` bytes apart. Each element of `out` is loaded, has its
 * `depth` products added one after the other, product and sum rounded on their own, and is stored: the sum in the order of
 * k, to the bit, however k is cut into calls.
 */
export function panelKernelBytes(): Uint8Array {
  const f = new FunctionBuilder('multiply', 9);
  const [a, aStride, aPanels, b, bStride, bPanels, out, outStride, depth] = Array.from(
    { length: 9 },
    (_, index) => f.parameter(index),
  ) as [Local, Local, Local, Local, Local, Local, Local, Local, Local];
  const [i, j, k, aAt, bAt, bPanel, tile] = [f.int(), f.int(), f.int(), f.int(), f.int(), f.int(), f.int()];
  const rows = Array.from({ length: panelRows }, () => f.int());
  const halves = Array.from({ length: panelRows / 2 }, () => f.vec());
  const sums = rows.map((row) => ({ row, parts: halves.map((half) => ({ half, sum: f.vec() })) }));
  const splat = f.vec();
  const bytesOfK = panelRows * 8;

  f.const(0).set(i);
  f.countUpTo(i, aPanels, () => {
    f.const(0).set(j).get(b).set(bPanel).get(out).set(tile);
    f.countUpTo(j, bPanels, () => {
      sums.forEach(({ row, parts }, index) => {
        if (index === 0) f.get(tile).set(row);
        else
          f.get(rows[index - 1] ?? tile)
            .get(outStride)
            .op('i32.add')
            .set(row);
        parts.forEach(
          ({ sum }, part) =>
            void f
              .get(row)
              .load128(16 * part)
              .set(sum),
        );
      });
      f.const(0).set(k).get(a).set(aAt).get(bPanel).set(bAt);
      f.countUpTo(k, depth, () => {
        halves.forEach(
          (half, part) =>
            void f
              .get(bAt)
              .load128(16 * part)
              .set(half),
        );
        sums.forEach(({ parts }, index) => {
          f.get(aAt)
            .loadSplat64(8 * index)
            .set(splat);
          for (const { half, sum } of parts)
            f.get(sum).get(splat).get(half).op('f64x2.mul', 'f64x2.add').set(sum);
        });
        for (const at of [aAt, bAt]) f.get(at).const(bytesOfK).op('i32.add').set(at);
      });
      for (const { row, parts } of sums)
        parts.forEach(
          ({ sum }, part) =>
            void f
              .get(row)
              .get(sum)
              .store128(16 * part),
        );
      f.get(bPanel).get(bStride).op('i32.add').set(bPanel);
      f.get(tile).const(bytesOfK).op('i32.add').set(tile);
    });
    f.get(a).get(aStride).op('i32.add').set(a);
    f.get(out).get(outStride).const(panelRows).op('i32.mul', 'i32.add').set(out);
  });
  return encodeModule([f]);
}
