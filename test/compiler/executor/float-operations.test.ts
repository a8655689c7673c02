import { describe, expect, it } from 'vitest';
import { runKernel, runLanes, words } from './lane-harness.ts';

const SCRATCH = new DataView(new ArrayBuffer(8));
function toFloat(bits: number): number {
  SCRATCH.setInt32(0, bits);
  return SCRATCH.getFloat32(0);
}
function toBits(x: number): number {
  SCRATCH.setFloat32(0, x);
  return SCRATCH.getInt32(0);
}

/** An exact rational: value * 2^exponent, for oracles that share nothing with the executor. */
interface Exact {
  readonly value: bigint;
  readonly exponent: number;
}
function exact(x: number): Exact {
  SCRATCH.setFloat64(0, x);
  const high = SCRATCH.getUint32(0);
  const field = (high >>> 20) & 2047;
  const fraction = (BigInt(high & 0xfffff) << 32n) | BigInt(SCRATCH.getUint32(4));
  const magnitude = field === 0 ? fraction : fraction | (1n << 52n);
  return { value: high >>> 31 ? -magnitude : magnitude, exponent: Math.max(field, 1) - 1075 };
}
const times = (a: Exact, b: Exact): Exact => ({
  value: a.value * b.value,
  exponent: a.exponent + b.exponent,
});
function plus(a: Exact, b: Exact): Exact {
  const exponent = Math.min(a.exponent, b.exponent);
  const shift = (x: Exact) => x.value << BigInt(x.exponent - exponent);
  return { value: shift(a) + shift(b), exponent };
}
/** Rounds to `precision` bits with the given least exponent, ties to even or as `mode`; by big integers only. */
function round(x: Exact, precision: number, minExponent: number, max: number, mode = 'rn'): number {
  if (x.value === 0n) return 0;
  const negative = x.value < 0n;
  const magnitude = negative ? -x.value : x.value;
  const top = magnitude.toString(2).length - 1 + x.exponent;
  const unit = Math.max(top, minExponent) - precision + 1;
  const shift = unit - x.exponent;
  let q: bigint;
  if (shift <= 0) q = magnitude << BigInt(-shift);
  else {
    const divisor = 1n << BigInt(shift);
    q = magnitude / divisor;
    const rest = magnitude % divisor;
    const away = (mode === 'rp' && !negative) || (mode === 'rm' && negative);
    if (mode === 'rn') {
      if (rest * 2n > divisor || (rest * 2n === divisor && (q & 1n) === 1n)) q += 1n;
    } else if (away && rest > 0n) q += 1n;
  }
  let result = Number(q) * 2 ** Math.max(unit, -1000);
  if (result > max) {
    const keeps = mode === 'rz' || (mode === 'rm' && !negative) || (mode === 'rp' && negative);
    result = keeps ? max : Number.POSITIVE_INFINITY;
  }
  return negative ? -result : result;
}
const F32 = [24, -126, 3.4028234663852886e38] as const;
const F16 = [11, -14, 65504] as const;
const BF16 = [8, -126, 3.3895313892515355e38] as const;

/** Floats of all magnitudes, with many near-cancellations and ties. */
function floats(seed: number): Int32Array[] {
  const next = words(seed);
  const one = () => {
    const kind = next() & 7;
    if (kind === 0) return next() & 0x807fffff;
    if (kind === 1) return toBits(((next() & 0xfff) - 2048) / 8);
    if (kind < 5) return (next() & 0x807fffff) | ((127 + (next() & 15) - 8) << 23);
    if (kind === 5) return (next() & 0x80fff000) | ((120 + (next() & 15)) << 23);
    let bits = next();
    while ((bits & 0x7f800000) === 0x7f800000) bits = next();
    return bits;
  };
  const a = Int32Array.from({ length: 32 }, one);
  const b = Int32Array.from({ length: 32 }, one);
  // c often cancels a*b but for a few bits.
  const c = Int32Array.from({ length: 32 }, (_, l) => {
    const close = toBits(-Math.fround(toFloat(a[l]!) * toFloat(b[l]!)));
    return next() & 1 && (close & 0x7f800000) !== 0x7f800000 ? close ^ (next() & 3) : one();
  });
  return [a, b, c];
}

const same = (got: number, want: number) => (got === 0 && want === 0) || Object.is(got, want);

function check(body: string, oracle: (a: number, b: number, c: number) => number, rounds = 40) {
  for (let seed = 0; seed < rounds; seed += 1) {
    const inputs = floats(seed);
    const { outputs } = runLanes(body, inputs, 1);
    for (let l = 0; l < 32; l += 1) {
      const [a, b, c] = inputs.map((input) => toFloat(input[l]!)) as [number, number, number];
      const got = toFloat(outputs[0]![l]!);
      const want = oracle(a, b, c);
      if (!same(got, want)) expect.fail(`${body} of ${a}, ${b}, ${c}: ${got}, not ${want}`);
    }
  }
}

describe('f32 arithmetic rounds once, in every mode', () => {
  for (const mode of ['rn', 'rz', 'rm', 'rp']) {
    it(`fma.${mode}`, () =>
      check(`fma.${mode}.f32 %d0, %a0, %a1, %a2;`, (a, b, c) =>
        round(plus(times(exact(a), exact(b)), exact(c)), ...F32, mode),
      ));
    it(`add.${mode}`, () =>
      check(`add.${mode}.f32 %d0, %a0, %a1;`, (a, b) => round(plus(exact(a), exact(b)), ...F32, mode)));
    it(`mul.${mode}`, () =>
      check(`mul.${mode}.f32 %d0, %a0, %a1;`, (a, b) => round(times(exact(a), exact(b)), ...F32, mode)));
  }
  it('a fused multiply-add whose double sum is half way between two f32, but whose true value is not', () => {
    // a*b = 2^-24 (1 - 2^-30) and 2^-24 (1 + 2^-30): the last bit is below a double's at 1, where 2^-24 is a tie.
    const under = [2 ** -12 * (1 + 2 ** -15), 2 ** -12 * (1 - 2 ** -15)] as const;
    const over = [1047553 * 2 ** -30, 1025 * 2 ** -24] as const;
    const cases = [
      [...under, 1 + 2 ** -23, 1 + 2 ** -23],
      [...over, 1, 1 + 2 ** -23],
      [-under[0], under[1], -1 - 2 ** -23, -1 - 2 ** -23],
      [over[0], -over[1], -1, -1 - 2 ** -23],
    ] as const;
    const inputs = [0, 1, 2].map((i) => Int32Array.from({ length: 32 }, (_, l) => toBits(cases[l & 3]![i]!)));
    const { outputs } = runLanes('fma.rn.f32 %d0, %a0, %a1, %a2;', inputs, 1);
    for (let l = 0; l < 4; l += 1) expect(toFloat(outputs[0]![l]!)).toBe(cases[l]![3]);
  });
  it('div.rn and sqrt.rn', () => {
    check('div.rn.f32 %d0, %a0, %a1;', (a, b) => Math.fround(a / b), 5);
    check('abs.f32 %f1, %a0; sqrt.rn.f32 %d0, %f1;', (a) => Math.fround(Math.sqrt(Math.abs(a))), 5);
  });
  it('ftz flushes operands and results', () => {
    const flush = (x: number) => (Math.abs(x) < 2 ** -126 ? 0 : x);
    check('mul.ftz.f32 %d0, %a0, %a1;', (a, b) => flush(Math.fround(flush(a) * flush(b))), 10);
  });
  it('min and max skip NaN; setp.ltu is true with one', () => {
    const nan = new Int32Array(32).fill(0x7fffffff);
    const two = new Int32Array(32).fill(toBits(2));
    const body = `min.f32 %d0, %a0, %a1; max.NaN.f32 %d1, %a0, %a1; setp.ltu.f32 %p1, %a0, %a1; selp.b32 %d2, 1, 0, %p1;
      setp.lt.f32 %p2, %a0, %a1; selp.b32 %d3, 1, 0, %p2;`;
    const { outputs } = runLanes(body, [nan, two], 4);
    expect(toFloat(outputs[0]![0]!)).toBe(2);
    expect(toFloat(outputs[1]![0]!)).toBeNaN();
    expect([outputs[2]![0], outputs[3]![0]]).toEqual([1, 0]);
  });
});

const halfValue = (bits: number) => {
  const exponent = (bits >> 10) & 31;
  const magnitude = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1024 + (bits & 1023)) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
};

describe('conversions', () => {
  it('f32 to f16 and bf16, rounded once, ties to even', () => {
    check('cvt.rn.f16.f32 %h1, %a0; cvt.f32.f16 %d0, %h1;', (a) => round(exact(a), ...F16));
    check(
      'cvt.rn.bf16.f32 %h1, %a0; mov.b32 %d0, {%h2, %h1}; and.b32 %d0, %d0, 0xffff0000;'.replace(
        '%h2',
        '%h1',
      ),
      (a) => round(exact(a), ...BF16),
    );
  });
  it('packed: the first source is the upper half', () => {
    check('cvt.rn.f16x2.f32 %r1, %a0, %a1; mov.b32 {%h1, %h2}, %r1; cvt.f32.f16 %d0, %h2;', (a) =>
      round(exact(a), ...F16),
    );
    check('cvt.rn.bf16x2.f32 %r1, %a0, %a1; shl.b32 %d0, %r1, 16;', (_, b) => round(exact(b), ...BF16));
  });
  it('every f16 survives the way to f32 and back', () => {
    const { memory } = runKernel({
      buffers: [
        { name: 'value', bytes: 4 * 0x7c00, access: 'output' },
        { name: 'back', bytes: 4 * 0x7c00, access: 'output' },
      ],
      grid: 31,
      block: 1024,
      body: `shl.b32 %r3, %r1, 10; add.s32 %r3, %r3, %r0; mul.wide.u32 %rd2, %r3, 4; add.s64 %rd3, %rd0, %rd2; add.s64 %rd4, %rd1, %rd2;
        cvt.u16.u32 %h1, %r3; cvt.f32.f16 %f1, %h1; st.global.f32 [%rd3], %f1; cvt.rn.f16.f32 %h2, %f1; cvt.u32.u16 %r4, %h2;
        st.global.u32 [%rd4], %r4;`,
    });
    const value = new Float32Array(memory.get('value').read(0, 4 * 0x7c00).buffer);
    const back = new Int32Array(memory.get('back').read(0, 4 * 0x7c00).buffer);
    for (let bits = 0; bits < 0x7c00; bits += 1) {
      if (value[bits] !== halfValue(bits) || back[bits] !== bits)
        expect.fail(`${bits}: ${value[bits]}, ${back[bits]}`);
    }
  });
  it('to integers: nearest even, clamped, NaN to zero', () => {
    const values = [0.5, 1.5, 2.5, -0.5, -1.5, 3e9, -3e9, Number.NaN];
    const input = Int32Array.from({ length: 32 }, (_, l) => toBits(values[l & 7]!));
    const body = `cvt.rni.s32.f32 %d0, %a0; cvt.rzi.u32.f32 %d1, %a0; cvt.rmi.s32.f32 %d2, %a0; cvt.rni.sat.s8.f32 %d3, %a0;`;
    const { outputs } = runLanes(body.replace('.sat', ''), [input], 4);
    expect(Array.from(outputs[0]!.subarray(0, 8))).toEqual([0, 2, 2, 0, -2, 0x7fffffff, -0x80000000, 0]);
    expect(Array.from(outputs[1]!.subarray(0, 8))).toEqual([0, 1, 2, 0, 0, 3e9 | 0, 0, 0]);
    expect(Array.from(outputs[2]!.subarray(0, 8))).toEqual([0, 1, 2, -1, -2, 0x7fffffff, -0x80000000, 0]);
    expect(Array.from(outputs[3]!.subarray(0, 8))).toEqual([0, 2, 2, 0, -2, 127, -128, 0]);
  });
  it('to 64-bit integers: clamped, NaN to 1 << 63 of either sign', () => {
    const values = [-1, 1e30, Number.NaN];
    const input = Int32Array.from({ length: 32 }, (_, l) => toBits(values[l % 3]!));
    const body = `cvt.rni.s64.f32 %rd0, %a0; mov.b64 {%d0, %d1}, %rd0; cvt.rni.u64.f32 %rd1, %a0; mov.b64 {%d2, %d3}, %rd1;`;
    const { outputs } = runLanes(body, [input], 4);
    const rows = outputs.map((row) => Array.from(row.subarray(0, 3)));
    expect(rows[0]).toEqual([-1, -1, 0]);
    expect(rows[1]).toEqual([-1, 0x7fffffff, -0x80000000]);
    expect(rows[2]).toEqual([0, -1, 0]);
    expect(rows[3]).toEqual([0, -1, -0x80000000]);
  });
  it('from integers', () => {
    const next = words(3);
    const input = Int32Array.from({ length: 32 }, () => next());
    const body = `cvt.rn.f32.s32 %d0, %a0; cvt.rz.f32.u32 %d1, %a0; mov.b64 %rd0, {%a0, %a0}; cvt.rn.f32.s64 %d2, %rd0;`;
    const { outputs } = runLanes(body, [input], 3);
    for (let l = 0; l < 32; l += 1) {
      const x = input[l]!;
      expect(toFloat(outputs[0]![l]!)).toBe(Math.fround(x));
      expect(toFloat(outputs[1]![l]!)).toBe(round({ value: BigInt(x >>> 0), exponent: 0 }, ...F32, 'rz'));
      const wide = (BigInt(x) << 32n) | BigInt(x >>> 0);
      expect(toFloat(outputs[2]![l]!)).toBe(round({ value: wide, exponent: 0 }, ...F32));
    }
  });
});

describe('f16x2 and bf16x2 arithmetic rounds once', () => {
  const value = { f16: halfValue, bf16: (bits: number) => toFloat(bits << 16) };
  for (const kind of ['f16', 'bf16'] as const) {
    it(`fma.rn.${kind}x2`, () => {
      const next = words(11);
      const finite = () => {
        const half = () => {
          const bits = next() & 0xffff;
          return kind === 'f16' ? bits & 0xbfff : (bits & 0x80ff) | ((120 + (next() & 15)) << 7);
        };
        return half() | (half() << 16);
      };
      for (let n = 0; n < 20; n += 1) {
        const inputs = [0, 1, 2].map(() => Int32Array.from({ length: 32 }, finite));
        const body = `fma.rn.${kind}x2 %r1, %a0, %a1, %a2; mov.b32 {%h1, %h2}, %r1; cvt.u32.u16 %d0, %h1; cvt.u32.u16 %d1, %h2;`;
        const { outputs } = runLanes(body, inputs, 2);
        for (let l = 0; l < 32; l += 1) {
          for (const side of [0, 1]) {
            const [a, b, c] = inputs.map((x) => exact(value[kind]((x[l]! >>> (16 * side)) & 0xffff)));
            const want =
              kind === 'f16'
                ? round(plus(times(a!, b!), c!), ...F16)
                : round(plus(times(a!, b!), c!), ...BF16);
            const bits = outputs[side]![l]!;
            const got =
              (bits & 0x7fff) === 0x7c00 && kind === 'f16'
                ? bits & 0x8000
                  ? -Infinity
                  : Infinity
                : value[kind](bits);
            expect(same(got, want), `${got} not ${want}`).toBe(true);
          }
        }
      }
    });
  }
});

describe('approximate instructions err inside their documented bound, and do err', () => {
  const ulp = (x: number) => 2 ** (Math.floor(Math.log2(Math.abs(x))) - 23);
  const cases: readonly (readonly [string, (x: number) => number, (y: number) => number])[] = [
    ['rcp.approx.ftz.f32 %d0, %a0;', (x) => 1 / x, ulp],
    ['rsqrt.approx.f32 %d0, %a0;', (x) => 1 / Math.sqrt(x), (y) => Math.abs(y) * 2 ** -22.9],
    ['sqrt.approx.f32 %d0, %a0;', (x) => Math.sqrt(x), (y) => Math.abs(y) * 2 ** -23 + ulp(y) / 2],
    ['ex2.approx.ftz.f32 %d0, %a0;', (x) => 2 ** x, (y) => 2 * ulp(y)],
    ['div.approx.f32 %d0, 0f3F800000, %a0;', (x) => 1 / x, (y) => 2 * ulp(y)],
    ['tanh.approx.f32 %d0, %a0;', (x) => Math.tanh(x), (y) => Math.abs(y) * 2 ** -11],
  ];
  for (const [body, oracle, bound] of cases) {
    it(body, () => {
      let moved = 0;
      for (let seed = 0; seed < 8; seed += 1) {
        const next = words(seed);
        const input = Int32Array.from({ length: 32 }, () => toBits(0.3 + (next() >>> 8) / 2 ** 22));
        const [first] = runLanes(body, [input], 1).outputs;
        const [again] = runLanes(body, [input], 1).outputs;
        expect(Array.from(first!)).toEqual(Array.from(again!));
        for (let l = 0; l < 32; l += 1) {
          const want = oracle(toFloat(input[l]!));
          const got = toFloat(first![l]!);
          expect(Math.abs(got - want)).toBeLessThanOrEqual(bound(want) * (1 + 1e-9));
          if (got !== Math.fround(want)) moved += 1;
        }
      }
      expect(moved).toBeGreaterThan(20);
    });
  }
});
