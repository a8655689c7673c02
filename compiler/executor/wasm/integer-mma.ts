import { FunctionBuilder, type Local } from '../../support/wasm/encoder.ts';

/** Bytes of scratch the bulk operations need at the start of the executor's memory. */
export const SCRATCH_BYTES = 4096;

/** Parameters of every MMA function: byte addresses of the registers' lane planes. */
export const MMA_PARAMETERS = 14;

interface Operands {
  readonly d: readonly Local[];
  readonly a: readonly Local[];
  readonly b: readonly Local[];
  readonly c: readonly Local[];
}

export function operandsOf(f: FunctionBuilder): Operands {
  const span = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => f.parameter(from + i));
  return { d: span(0, 4), a: span(4, 4), b: span(8, 2), c: span(10, 4) };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
}

/** Gives the 16 bytes of row/column `step / 16` of one register plane: lanes 4g..4g+3 are contiguous (the fragment law). */
function row(f: FunctionBuilder, plane: Local, step: Local): FunctionBuilder {
  return f.get(plane).get(step).op('i32.add').load128();
}

/**
 * Takes nothing; for the four vectors R_t = [h(2t), l(2t), h(2t+1), l(2t+1)] (l: row g, h: row g+8; columns 2t, 2t+1)
 * transposes them into accumulator planes c0 = l(2t), c1 = l(2t+1), c2 = h(2t), c3 = h(2t+1), adds C less `bias` to
 * the l halves, and stores D.
 */
function accumulate(
  f: FunctionBuilder,
  { d, c }: Operands,
  r: readonly Local[],
  g: Local,
  bias: number,
  saturating: boolean,
): void {
  const [x0, x1, sum, old, addend] = [f.vec(), f.vec(), f.vec(), f.vec(), f.vec()];
  for (const odd of [0, 1]) {
    const [low, high] = [odd * 2, odd * 2 + 1];
    f.get(at(r, 0))
      .get(at(r, 1))
      .shuffle32(low, 4 + low, high, 4 + high)
      .set(x0);
    f.get(at(r, 2))
      .get(at(r, 3))
      .shuffle32(low, 4 + low, high, 4 + high)
      .set(x1);
    for (const isHigh of [false, true]) {
      const index = (isHigh ? 2 : 0) + odd;
      if (isHigh) f.get(x0).get(x1).shuffle32(0, 1, 4, 5);
      else f.get(x0).get(x1).shuffle32(2, 3, 6, 7);
      if (!isHigh && bias !== 0) f.vectorConst(bias).op('i32x4.sub');
      f.set(addend);
      row(f, at(c, index), g).tee(old).get(addend).op('i32x4.add').set(sum);
      f.get(at(d, index)).get(g).op('i32.add');
      if (saturating) {
        // Overflow where both addends differ in sign from the sum: the limit of C's sign.
        f.get(old).const(31).op('i32x4.shr_s').vectorConst(0x7fffffff).op('v128.xor');
        f.get(sum);
        f.get(old).get(sum).op('v128.xor').get(addend).get(sum).op('v128.xor', 'v128.and');
        f.const(31).op('i32x4.shr_s', 'v128.bitselect');
      } else f.get(sum);
      f.store128();
    }
  }
}

/** From a vector of 16-bit lanes, the sign-extended nibble `n` of each. */
function nibble(f: FunctionBuilder, source: Local, n: number): void {
  f.get(source);
  if (n < 3) f.const(12 - 4 * n).op('i16x8.shl');
  f.const(12).op('i16x8.shr_s');
}

/**
 * mma.m16n8k64 (halves = 2) or m16n8k32 (halves = 1) of signed 4-bit codes, exact.
 *
 * Rows g and g+8 share one multiplication: their codes are packed as low + 2048*high in 16 bits. A 32-bit lane then
 * sums 16 (8) products of each row; a row's sum lies in [-896, 1024], 1921 values, so it is read back from 11 bits
 * after adding 896. That halves the multiplications, which are the executor's largest single cost.
 */
export function buildS4Mma(name: string, halves: 1 | 2, saturating: boolean): FunctionBuilder {
  const f = new FunctionBuilder(name, MMA_PARAMETERS);
  const operands = operandsOf(f);
  const { a, b } = operands;
  const [step, to] = [f.int(), f.int()];
  const [low, high] = [f.vec(), f.vec()];
  const depth = halves * 4;
  // B: column j's codes as 16-bit lanes at scratch j*128 + i*16.
  f.loop(step, 128, 16, () => {
    f.get(step).const(3).op('i32.shl').set(to);
    for (let half = 0; half < halves; half += 1) {
      row(f, at(b, half), step).set(low);
      for (let n = 0; n < 4; n += 1) {
        f.get(to);
        nibble(f, low, n);
        f.store128((half * 4 + n) * 16);
      }
    }
  });
  const packed = Array.from({ length: depth }, () => f.vec());
  const sums = [f.vec(), f.vec()];
  const r = Array.from({ length: 4 }, () => f.vec());
  f.loop(step, 128, 16, () => {
    for (let half = 0; half < halves; half += 1) {
      row(f, at(a, half * 2), step).set(low);
      row(f, at(a, half * 2 + 1), step).set(high);
      for (let n = 0; n < 4; n += 1) {
        nibble(f, low, n);
        f.get(high);
        if (n < 3) f.const(12 - 4 * n).op('i16x8.shl');
        // The high row's code, already at bit 12, moves to bit 11 with its sign.
        f.vectorConst(0xf000f000 | 0)
          .op('v128.and')
          .const(1)
          .op('i16x8.shr_s');
        f.op('i16x8.add').set(at(packed, half * 4 + n));
      }
    }
    for (let t = 0; t < 4; t += 1) {
      for (const odd of [0, 1]) {
        const column = t * 2 + odd;
        f.vectorConst(896);
        for (let i = 0; i < depth; i += 1) {
          f.get(at(packed, i))
            .const(0)
            .load128(column * 128 + i * 16)
            .op('i32x4.dot_i16x8_s', 'i32x4.add');
        }
        f.set(at(sums, odd));
      }
      for (const odd of [0, 1]) {
        const sum = at(sums, odd);
        f.get(sum).const(11).op('i32x4.shr_s').get(sum).vectorConst(2047).op('v128.and');
        f.op('i16x8.narrow_i32x4_s').vectorConst(0x00010001).op('i32x4.dot_i16x8_s').set(sum);
      }
      pairwise(f, at(sums, 0), at(sums, 1)).set(at(r, t));
    }
    accumulate(f, operands, r, step, 4 * 896, saturating);
  });
  return f;
}

/** Adds neighbouring lanes: [x0+x1, x2+x3, y0+y1, y2+y3]. */
function pairwise(f: FunctionBuilder, x: Local, y: Local): FunctionBuilder {
  return f.get(x).get(y).shuffle32(0, 2, 4, 6).get(x).get(y).shuffle32(1, 3, 5, 7).op('i32x4.add');
}

/** mma.m16n8k32 (halves = 2) or m16n8k16 (halves = 1) of 8-bit codes, each operand signed or unsigned, exact. */
export function buildS8Mma(
  name: string,
  halves: 1 | 2,
  signs: { readonly a: boolean; readonly b: boolean },
  saturating: boolean,
): FunctionBuilder {
  const f = new FunctionBuilder(name, MMA_PARAMETERS);
  const operands = operandsOf(f);
  const { a, b } = operands;
  const [step, to] = [f.int(), f.int()];
  const source = f.vec();
  const depth = halves * 2;
  const extend = (isSigned: boolean, isHigh: boolean) =>
    f.op(`i16x8.extend_${isHigh ? 'high' : 'low'}_i8x16_${isSigned ? 's' : 'u'}`);
  f.loop(step, 128, 16, () => {
    f.get(step).const(2).op('i32.shl').set(to);
    for (let half = 0; half < halves; half += 1) {
      row(f, at(b, half), step).set(source);
      for (const isHigh of [false, true]) {
        f.get(to).get(source);
        extend(signs.b, isHigh).store128((half * 2 + (isHigh ? 1 : 0)) * 16);
      }
    }
  });
  const wide = [0, 1].map(() => Array.from({ length: depth }, () => f.vec()));
  const sums = Array.from({ length: 4 }, () => f.vec());
  const r = Array.from({ length: 4 }, () => f.vec());
  f.loop(step, 128, 16, () => {
    for (let register = 0; register < halves * 2; register += 1) {
      row(f, at(a, register), step).set(source);
      for (const isHigh of [false, true]) {
        f.get(source);
        extend(signs.a, isHigh).set(at(at(wide, register & 1), (register >> 1) * 2 + (isHigh ? 1 : 0)));
      }
    }
    for (let t = 0; t < 4; t += 1) {
      // sums: [h(2t), l(2t), h(2t+1), l(2t+1)]
      for (let s = 0; s < 4; s += 1) {
        const codes = at(wide, 1 - (s & 1));
        const column = t * 2 + (s >> 1);
        for (let i = 0; i < depth; i += 1) {
          f.get(at(codes, i))
            .const(0)
            .load128(column * 64 + i * 16)
            .op('i32x4.dot_i16x8_s');
          if (i > 0) f.op('i32x4.add');
        }
        f.set(at(sums, s));
      }
      pairwise(f, at(sums, 0), at(sums, 1)).set(at(sums, 0));
      pairwise(f, at(sums, 2), at(sums, 3)).set(at(sums, 1));
      pairwise(f, at(sums, 0), at(sums, 1)).set(at(r, t));
    }
    accumulate(f, operands, r, step, 0, saturating);
  });
  return f;
}
