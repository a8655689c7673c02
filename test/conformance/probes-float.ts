import {
  bfloat,
  bitsFrom,
  decode,
  encode,
  floatFrom,
  fusedMultiplyAdd,
  half,
  nearestEven,
  unitOf,
} from './numbers.ts';
import { approximation, type Interval, type OutputKind, type Probe, perLane, type Warp } from './probe.ts';
import { floats, integers, moderate, roundingEdges } from './probe-data.ts';

type Operation = (...values: number[]) => number;

/** An f32 instruction with one rounding. Products, quotients and sums of f32 in a double, rounded again, are right. */
function rounded(spelling: string, operands: number, of: Operation, rounds = floats(operands)): Probe {
  const names = Array.from({ length: operands }, (_, index) => `%a${index}`).join(', ');
  const name = spelling.replaceAll('.', '-').toLowerCase();
  return perLane(name, [spelling], `${spelling} %d0, ${names};`, rounds, ['f32'], (...inputs) => [
    bitsFrom(of(...inputs.map(floatFrom))),
  ]);
}

const isLess = (a: number, b: number) => a < b || (Object.is(a, -0) && Object.is(b, 0));
/** Of a number and a NaN, the number; -0 counts as less than +0. */
const least = (a: number, b: number) => (Number.isNaN(a) ? b : Number.isNaN(b) || isLess(a, b) ? a : b);
const most = (a: number, b: number) => (Number.isNaN(a) ? b : Number.isNaN(b) || isLess(b, a) ? a : b);

/** f32 pairs rounded into one register: the first operand is the high half. */
function packed(spelling: string, kind: OutputKind, format: typeof half, rounds: readonly Warp[]): Probe {
  return perLane(
    spelling.replaceAll('.', '-'),
    [spelling],
    `${spelling} %d0, %a0, %a1;`,
    rounds,
    [kind],
    (a = 0, b = 0) => [((encode(floatFrom(a), format) << 16) | encode(floatFrom(b), format)) >>> 0],
  );
}

/** One f32 rounded into a 16-bit register. */
function narrowed(spelling: string, kind: OutputKind, format: typeof half, rounds: readonly Warp[]): Probe {
  const body = `${spelling} %h0, %a0;\ncvt.u32.u16 %d0, %h0;`;
  return perLane(spelling.replaceAll('.', '-'), [spelling], body, rounds, [kind], (a = 0) => [
    encode(floatFrom(a), format),
  ]);
}

/** The lesser or greater of two pairs, half by half; a NaN on either side wins. */
function pairExtreme(
  name: 'min' | 'max',
  kind: 'f16x2' | 'bf16x2',
  format: typeof half,
  rounds: readonly Warp[],
): Probe {
  const spelling = `${name}.NaN.${kind}`;
  const of = name === 'min' ? least : most;
  const either = (a: number, b: number) => {
    const [x, y] = [decode(a & 0xffff, format), decode(b & 0xffff, format)];
    return encode(Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : of(x, y), format);
  };
  const body = `${spelling} %d0, %a0, %a1;`;
  return perLane(
    spelling.replaceAll('.', '-').toLowerCase(),
    [spelling],
    body,
    rounds,
    [kind],
    (a = 0, b = 0) => [((either(a >>> 16, b >>> 16) << 16) | either(a, b)) >>> 0],
  );
}

const halfRounds = (count: number) => [...floats(count), ...roundingEdges(count, 13, -26, 16)];
const bfloatRounds = (count: number) => [...floats(count), ...roundingEdges(count, 16, -126, 127)];

/** Whole numbers, ties, and values past both ends of int32. */
function nearIntegers(): readonly Warp[] {
  const ties = moderate(1, -3, 26).map(([word = new Uint32Array(32)]) => [
    word.map((bits, lane) => (lane % 2 === 0 ? bitsFrom(Math.trunc(floatFrom(bits)) + 0.5) : bits)),
  ]);
  return [...ties, ...floats(1)];
}

function toInteger(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(Math.max(nearestEven(value), -(2 ** 31)), 2 ** 31 - 1) >>> 0;
}

function toUnsigned(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(Math.max(nearestEven(value), 0), 2 ** 32 - 1);
}

/** An exact value that may be missed by some units in the last place; special values may not be missed. */
function within(value: number, units: number): Interval {
  if (!Number.isFinite(value) || value === 0 || !Number.isFinite(Math.fround(value)))
    return { value, bound: 0 };
  return { value, bound: units * unitOf(value) };
}

const isa = 'PTX ISA, Floating Point Instructions';

export const floatProbes: readonly Probe[] = [
  rounded('add.f32', 2, (a = 0, b = 0) => a + b),
  rounded('sub.f32', 2, (a = 0, b = 0) => a - b),
  rounded('mul.f32', 2, (a = 0, b = 0) => a * b),
  rounded('fma.rn.f32', 3, (a = 0, b = 0, c = 0) => fusedMultiplyAdd(a, b, c), [
    ...floats(3),
    ...moderate(3, -2, 3),
    // c near -(a * b): what is left is the product's rounding error.
    ...moderate(3, -2, 3).map(([a = new Uint32Array(32), b = new Uint32Array(32)]) => [
      a,
      b,
      a.map((bits, lane) => bitsFrom(-floatFrom(bits) * floatFrom(b[lane] ?? 0))),
    ]),
  ]),
  rounded('div.rn.f32', 2, (a = 0, b = 0) => a / b),
  rounded('rcp.rn.f32', 1, (a = 0) => 1 / a),
  rounded('neg.f32', 1, (a = 0) => -a),
  rounded('min.f32', 2, (a = 0, b = 0) => least(a, b)),
  rounded('max.f32', 2, (a = 0, b = 0) => most(a, b)),
  rounded('min.NaN.f32', 2, (a = 0, b = 0) =>
    Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : least(a, b),
  ),
  perLane(
    'cvt-rn-f32-s32',
    ['cvt.rn.f32.s32'],
    'cvt.rn.f32.s32 %d0, %a0;',
    integers(1, 6),
    ['f32'],
    (a = 0) => [bitsFrom(a | 0)],
  ),
  perLane(
    'cvt-rni-s32-f32',
    ['cvt.rni.s32.f32'],
    'cvt.rni.s32.f32 %d0, %a0;',
    nearIntegers(),
    ['b32'],
    (a = 0) => [toInteger(floatFrom(a))],
  ),
  perLane(
    'cvt-rni-u32-f32',
    ['cvt.rni.u32.f32'],
    'cvt.rni.u32.f32 %d0, %a0;',
    nearIntegers(),
    ['b32'],
    (a = 0) => [toUnsigned(floatFrom(a))],
  ),
  perLane(
    'cvt-f32-f16',
    ['cvt.f32.f16'],
    'cvt.u16.u32 %h0, %a0;\ncvt.f32.f16 %d0, %h0;',
    integers(1, 8),
    ['f32'],
    (a = 0) => [bitsFrom(decode(a & 0xffff, half))],
  ),
  narrowed('cvt.rn.f16.f32', 'f16x2', half, halfRounds(1)),
  narrowed('cvt.rn.bf16.f32', 'bf16x2', bfloat, bfloatRounds(1)),
  packed('cvt.rn.f16x2.f32', 'f16x2', half, halfRounds(2)),
  packed('cvt.rn.bf16x2.f32', 'bf16x2', bfloat, bfloatRounds(2)),
  ...(['min', 'max'] as const).flatMap((name) => [
    pairExtreme(name, 'f16x2', half, integers(2, 8)),
    pairExtreme(name, 'bf16x2', bfloat, integers(2, 8)),
  ]),
  approximation('rcp.approx.ftz.f32', `${isa}: rcp, 1 ulp`, moderate(1, -120, 120), (a = 0) =>
    within(1 / floatFrom(a), 1),
  ),
  approximation('ex2.approx.ftz.f32', `${isa}: ex2, 2 ulp`, moderate(1, -10, 7), (a = 0) =>
    within(2 ** floatFrom(a), 2),
  ),
  approximation('rcp.approx.f32', `${isa}: rcp, 1 ulp`, moderate(1, -120, 120), (a = 0) =>
    within(1 / floatFrom(a), 1),
  ),
  approximation(
    'div.approx.f32',
    `${isa}: div, 2 ulp for |b| in [2^-126, 2^126]`,
    moderate(2, -60, 60),
    (a = 0, b = 0) => within(floatFrom(a) / floatFrom(b), 2),
  ),
  approximation(
    'rsqrt.approx.f32',
    `${isa}: rsqrt, relative error 2^-22.9`,
    moderate(1, -120, 120, true),
    (a = 0) => {
      const value = 1 / Math.sqrt(floatFrom(a));
      return { value, bound: value * 2 ** -22.9 };
    },
  ),
  approximation('ex2.approx.f32', `${isa}: ex2, 2 ulp`, moderate(1, -10, 7), (a = 0) =>
    within(2 ** floatFrom(a), 2),
  ),
];
