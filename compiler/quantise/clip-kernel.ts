import { encodeModule, FunctionBuilder, type Local } from '../support/wasm/encoder.ts';

/** Byte addresses and a count of pairs of values, at least 1. */
export type SumClipErrors = (values: number, pairs: number, scale: number, out: number) => void;

/** For t = 0, whose own root would be infinite: the term is then 0 times a finite number. Other t are no less than 2^-300. */
const leastSquare = 2 ** -900;
/**
 * t^(-1/5) to some percent: the bits of a float64 are about 2^52 (log2 t + 1023), so those of the root about 2^52 · 1023 · 6/5 less a fifth
 * of t's. 0.06 · 2^52 is taken off: of 0.035 to 0.06, that which left the least error in the end.
 */
const rootBits =
  new Float64Array(BigInt64Array.of(BigInt(Math.round((1023 * 1.2 - 0.06) * 2 ** 52))).buffer)[0] ?? 0;
/** 2^32 / 5, for the upper half of t's bits. */
const fifth = 858_993_459;
/** (1 - h)^(-1/5) = 1 + h/5 + 3h²/25 + 11h³/125 + …, with h = 1 - t · root⁵: what a step leaves is of the order of h⁴. */
const series = [11 / 125, 3 / 25, 1 / 5] as const;

/**
 * The bytes of a module that exports
 *
 *     sum(values, pairs, scale, out)
 *
 * which writes to `out`, as two partial sums, sum |w - s q|^2.4 over float64 weights w, with q = clamp(rne(fl32(w / s))) as
 * quantiseWeights has it. At `scale` are s, then the least and the largest code, each twice. With t = (w - s q)², the term is
 * t² · (t^(-1/5))⁴, good to 2^-45 (measured): a search with the library's power takes six times as long.
 */
export function clipKernelBytes(): Uint8Array {
  const f = new FunctionBuilder('sum', 4);
  const [values, pairs, given, out] = [0, 1, 2, 3].map((index) => f.parameter(index)) as [
    Local,
    Local,
    Local,
    Local,
  ];
  const index = f.int();
  const [scale, least, most, sum, w, t, root, square, h] = Array.from({ length: 9 }, () => f.vec()) as [
    ...[Local, Local, Local, Local, Local, Local, Local, Local, Local],
  ];
  [scale, least, most].forEach(
    (local, at) =>
      void f
        .get(given)
        .load128(16 * at)
        .set(local),
  );
  f.vectorConst(0).set(sum).const(0).set(index);
  f.countUpTo(index, pairs, () => {
    f.get(values).load128().set(w).get(values).const(16).op('i32.add').set(values);
    f.get(w)
      .get(scale)
      .op('f64x2.div', 'f32x4.demote_f64x2_zero', 'f64x2.promote_low_f32x4', 'f64x2.nearest');
    f.get(least).op('f64x2.max').get(most).op('f64x2.min').get(scale).op('f64x2.mul').set(t);
    f.get(w).get(t).op('f64x2.sub').set(t).get(t).get(t).op('f64x2.mul').set(t);
    f.get(t).vectorConst64(leastSquare).op('f64x2.max').set(w);
    f.vectorConst64(rootBits)
      .get(w)
      .const(32)
      .op('i64x2.shr_u')
      .vectorConst(fifth, 0, fifth, 0)
      .op('i64x2.mul', 'i64x2.sub')
      .set(root);
    for (let step = 0; step < 2; step++) {
      f.get(root).get(root).op('f64x2.mul').set(square);
      f.vectorConst64(1)
        .get(square)
        .get(square)
        .op('f64x2.mul')
        .get(root)
        .op('f64x2.mul')
        .get(w)
        .op('f64x2.mul');
      f.op('f64x2.sub').set(h);
      f.vectorConst64(series[0]);
      for (const coefficient of series.slice(1))
        f.get(h).op('f64x2.mul').vectorConst64(coefficient).op('f64x2.add');
      f.get(h).op('f64x2.mul').get(root).op('f64x2.mul').get(root).op('f64x2.add').set(root);
    }
    f.get(root).get(root).op('f64x2.mul').set(square);
    f.get(square).get(t).op('f64x2.mul').set(square).get(square).get(square).op('f64x2.mul');
    f.get(sum).op('f64x2.add').set(sum);
  });
  f.get(out).get(sum).store128();
  return encodeModule([f]);
}
