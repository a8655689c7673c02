import { FunctionBuilder, type Local } from '../../support/wasm/encoder.ts';
import { MMA_PARAMETERS, operandsOf } from './integer-mma.ts';

/** Scratch: A values [16][16], A exponents, B values [16][8], B exponents; columns ordered 0 2 4 6 1 3 5 7. */
const A_VALUES = 0;
const A_EXPONENTS = 1024;
const B_VALUES = 2048;
const B_EXPONENTS = 2560;
/** Byte offset in scratch of C as it was, one plane of 128 bytes a register: D may lie over it. */
export const SAVED_C = 3072;
/** Exponent given to a zero, so that its products never set the scale. */
const ZERO_EXPONENT = -1000;

/**
 * mma.m16n8k16 / m16n8k8 of f16 or bf16 with f32 accumulators, on the model stated in {@link floatMmaReference}:
 * per 8 values of k, products and C are cut to 24 fraction bits below the largest exponent and summed exactly, the
 * sum rounded to f32 towards zero. All of it fits 32-bit integers: |product| < 2^26 units, nine terms < 2^30.
 *
 * Returns 1 when a value is not finite or (bf16) too far from 1 for f32 products to be exact: outputs that depend on
 * such a value are then meaningless, and the caller runs the reference for them, with the C saved in scratch.
 */
export function buildFloatMma(name: string, kind: 'f16' | 'bf16', halves: 1 | 2): FunctionBuilder {
  const f = new FunctionBuilder(name, MMA_PARAMETERS, true);
  const { d, a, b, c } = operandsOf(f);
  const [step, to, rowAt, isBad] = [f.int(), f.int(), f.int(), f.int()];
  const [source, bits, value, exponent, bad, zero] = [f.vec(), f.vec(), f.vec(), f.vec(), f.vec(), f.vec()];
  const pick = (items: readonly Local[], i: number): Local => items[i] ?? step;

  /** From `bits` (16-bit codes in 32-bit lanes) to `value` and `exponent`; `bad` collects what is out of reach. */
  const decode = () => {
    if (kind === 'f16') {
      f.get(bits).vectorConst(0x7fff).op('v128.and').const(13).op('i32x4.shl');
      f.vectorConst((127 + 112) << 23).op('f32x4.mul'); // 2^112 moves the exponent bias; subnormals come out exact
      f.get(bits).vectorConst(0x8000).op('v128.and').const(16).op('i32x4.shl', 'v128.or').set(value);
      f.get(bits)
        .vectorConst(0x7c00)
        .op('v128.and')
        .vectorConst(0x7c00)
        .op('i32x4.eq')
        .get(bad)
        .op('v128.or')
        .set(bad);
    } else f.get(bits).const(16).op('i32x4.shl').set(value);
    f.get(value)
      .vectorConst(0x7fffffff)
      .op('v128.and')
      .const(23)
      .op('i32x4.shr_u')
      .vectorConst(127)
      .op('i32x4.sub');
    if (kind === 'f16') f.vectorConst(-14).op('i32x4.max_s');
    f.set(exponent);
    f.get(value).vectorConst(0x7fffffff).op('v128.and').vectorConst(0).op('i32x4.eq').set(zero);
    f.vectorConst(ZERO_EXPONENT).get(exponent).get(zero).op('v128.bitselect').set(exponent);
    if (kind === 'bf16') {
      f.get(exponent).op('i32x4.abs').vectorConst(45).op('i32x4.gt_s').get(zero).op('v128.andnot');
      f.get(bad).op('v128.or').set(bad);
    }
  };
  const widen = (isHigh: boolean) =>
    f
      .get(source)
      .op(isHigh ? 'i32x4.extend_high_i16x8_u' : 'i32x4.extend_low_i16x8_u')
      .set(bits);

  f.loop(step, 128, 16, () => {
    // A: registers 0,1 are k 0-7 of rows g, g+8; 2,3 are k 8-15. A row is 64 bytes of scratch.
    f.get(step).const(2).op('i32.shl').set(to);
    for (let register = 0; register < halves * 2; register += 1) {
      f.get(pick(a, register)).get(step).op('i32.add').load128().set(source);
      for (const isHigh of [false, true]) {
        widen(isHigh);
        decode();
        const offset = (register & 1) * 512 + (register >> 1) * 32 + (isHigh ? 16 : 0);
        f.get(to)
          .get(value)
          .store128(A_VALUES + offset)
          .get(to)
          .get(exponent)
          .store128(A_EXPONENTS + offset);
      }
    }
    // B: column j to slot (j & 1) * 4 + (j >> 1) of each k's 32 bytes.
    f.get(step)
      .const(16)
      .op('i32.and')
      .get(step)
      .const(0x60)
      .op('i32.and')
      .const(3)
      .op('i32.shr_u', 'i32.add')
      .set(to);
    for (let half = 0; half < halves; half += 1) {
      f.get(pick(b, half)).get(step).op('i32.add').load128().set(source);
      for (const isHigh of [false, true]) {
        widen(isHigh);
        decode();
        for (let lane = 0; lane < 4; lane += 1) {
          const k = half * 8 + (isHigh ? 4 : 0) + lane;
          f.get(to)
            .get(value)
            .storeLane32(lane, B_VALUES + k * 32);
          f.get(to)
            .get(exponent)
            .storeLane32(lane, B_EXPONENTS + k * 32);
        }
      }
    }
  });
  // C: exponent field 255 is infinity or NaN.
  f.loop(step, 128, 16, () => {
    for (const [register, plane] of c.entries()) {
      f.get(plane).get(step).op('i32.add').load128().set(source);
      f.get(step)
        .get(source)
        .store128(SAVED_C + register * 128);
      f.get(source).vectorConst(0x7f800000).op('v128.and').vectorConst(0x7f800000);
      f.op('i32x4.eq').get(bad).op('v128.or').set(bad);
    }
  });
  f.get(bad).op('v128.any_true').set(isBad);

  const [acc, top, scale, inverse, sum, rounded] = [f.vec(), f.vec(), f.vec(), f.vec(), f.vec(), f.vec()];
  const product = Array.from({ length: 8 }, () => f.vec());
  for (const isHigh of [0, 1]) {
    f.loop(step, 128, 16, () => {
      f.get(step).const(2).op('i32.shl').set(rowAt);
      for (const odd of [0, 1]) {
        const plane = isHigh * 2 + odd;
        f.get(pick(c, plane)).get(step).op('i32.add').load128().set(acc);
        for (let half = 0; half < halves; half += 1) {
          f.vectorConst(ZERO_EXPONENT);
          for (let k = 0; k < 8; k += 1) {
            const aOffset = isHigh * 512 + (half * 8 + k) * 4;
            const bOffset = (half * 8 + k) * 32 + odd * 16;
            f.get(rowAt)
              .loadSplat32(A_VALUES + aOffset)
              .const(0)
              .load128(B_VALUES + bOffset);
            f.op('f32x4.mul').set(pick(product, k));
            f.get(rowAt)
              .loadSplat32(A_EXPONENTS + aOffset)
              .const(0)
              .load128(B_EXPONENTS + bOffset);
            f.op('i32x4.add', 'i32x4.max_s');
          }
          // zero: lanes without a single non-zero product keep C as it is.
          f.tee(top).vectorConst(-500).op('i32x4.lt_s').set(zero);
          f.get(acc).vectorConst(0x7fffffff).op('v128.and').tee(exponent).const(23).op('i32x4.shr_u');
          f.vectorConst(127).op('i32x4.sub');
          f.get(top).op('i32x4.max_s').vectorConst(-100).op('i32x4.max_s').set(top);
          f.vectorConst(24 + 127)
            .get(top)
            .op('i32x4.sub')
            .const(23)
            .op('i32x4.shl')
            .set(scale);
          f.get(top)
            .vectorConst(127 - 24)
            .op('i32x4.add')
            .const(23)
            .op('i32x4.shl')
            .set(inverse);
          f.get(acc).get(scale).op('f32x4.mul', 'i32x4.trunc_sat_f32x4_s');
          for (let k = 0; k < 8; k += 1) {
            f.get(pick(product, k)).get(scale).op('f32x4.mul', 'i32x4.trunc_sat_f32x4_s', 'i32x4.add');
          }
          // To f32 towards zero: where the nearest f32 lies outside, its bits less one.
          f.tee(sum).op('f32x4.convert_i32x4_s').tee(rounded).op('i32x4.trunc_sat_f32x4_s', 'i32x4.abs');
          f.get(sum).op('i32x4.abs', 'i32x4.gt_s').get(rounded).op('i32x4.add');
          f.get(inverse).op('f32x4.mul').set(rounded);
          f.get(acc).get(rounded).get(zero).op('v128.bitselect').set(acc);
        }
        f.get(pick(d, plane)).get(step).op('i32.add').get(acc).store128();
      }
    });
  }
  f.get(isBad).returnFlagIf();
  return f;
}
