import { bfloat, bitsFrom, decode, encode, floatFrom, half } from './numbers.ts';
import type { Probe, Warp } from './probe.ts';
import { warpOf, words } from './probe-data.ts';

// Fragments as the PTX ISA gives them (Matrix Fragments for mma.m16n8k64, m16n8k32, m16n8k16), element i of a lane:
// groupID = lane >> 2, thread = lane & 3, E elements a register (8 of 4 bits, 4 of 8, 2 of 16).
//   a: row groupID, + 8 where i / E is odd; column thread * E + i % E, + 4E where i >= 2E
//   b: row thread * E + i % E, + 4E where i >= E; column groupID
//   c, d: row groupID, + 8 where i >= 2; column thread * 2 + (i & 1)

interface Shape {
  readonly spelling: string;
  readonly k: number;
  readonly bits: number;
  /** Value of an element's bits. */
  readonly decode: (bits: number) => number;
}

const twosComplement = (bits: number) => (value: number) =>
  value >= 2 ** (bits - 1) ? value - 2 ** bits : value;

const s4: Shape = {
  spelling: 'mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32',
  k: 64,
  bits: 4,
  decode: twosComplement(4),
};
const s8: Shape = {
  spelling: 'mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32',
  k: 32,
  bits: 8,
  decode: twosComplement(8),
};
const f16: Shape = {
  ...{ spelling: 'mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32', k: 16, bits: 16 },
  decode: (bits) => decode(bits, half),
};
const bf16: Shape = {
  ...{ spelling: 'mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32', k: 16, bits: 16 },
  decode: (bits) => decode(bits, bfloat),
};

/** Elements of A (16 x k) and B (k x 8) from a warp's registers: A in 0 to 3, B in 4 and 5. */
function operands({ k, bits, decode: value }: Shape, inputs: Warp) {
  const perRegister = 32 / bits;
  const a = Array.from({ length: 16 }, () => new Array<number>(k).fill(0));
  const b = Array.from({ length: k }, () => new Array<number>(8).fill(0));
  const element = (register: number, lane: number, i: number) =>
    value(((inputs[register]?.[lane] ?? 0) >>> ((i % perRegister) * bits)) & (2 ** bits - 1));
  for (let lane = 0; lane < 32; lane += 1) {
    const [group, thread] = [lane >> 2, lane & 3];
    const within = (i: number) => thread * perRegister + (i % perRegister);
    for (let i = 0; i < 4 * perRegister; i += 1) {
      const register = Math.floor(i / perRegister);
      const row = group + (register % 2 === 1 ? 8 : 0);
      const column = within(i) + (i >= 2 * perRegister ? 4 * perRegister : 0);
      (a[row] ?? [])[column] = element(register, lane, i);
    }
    for (let i = 0; i < 2 * perRegister; i += 1) {
      const row = within(i) + (i >= perRegister ? 4 * perRegister : 0);
      (b[row] ?? [])[group] = element(4 + Math.floor(i / perRegister), lane, i);
    }
  }
  return { a, b };
}

/** Each output element from its row of A, its column of B and its element of C (registers 6 to 9). */
function eachElement<T>(
  shape: Shape,
  inputs: Warp,
  of: (x: readonly number[], y: readonly number[], c: number) => T,
): T[][] {
  const { a, b } = operands(shape, inputs);
  return [0, 1, 2, 3].map((i) =>
    Array.from({ length: 32 }, (_, lane) => {
      const row = (lane >> 2) + (i >= 2 ? 8 : 0);
      const column = (lane & 3) * 2 + (i & 1);
      return of(
        a[row] ?? [],
        b.map((line) => line[column] ?? 0),
        inputs[6 + i]?.[lane] ?? 0,
      );
    }),
  );
}

const body = ({ spelling }: Shape) =>
  `${spelling} {%d0, %d1, %d2, %d3}, {%a0, %a1, %a2, %a3}, {%a4, %a5}, {%a6, %a7, %a8, %a9};`;

/** Full-range codes, all lowest codes, and an accumulator that wraps: without .satfinite int32 overflows round. */
function integerMma(name: string, shape: Shape): Probe {
  const next = words(shape.k);
  const rounds = [
    warpOf(10, () => next()),
    warpOf(10, (register) => (register < 6 ? (shape.bits === 4 ? 0x88888888 : 0x80808080) : next() >>> 8)),
    warpOf(10, (register) => (register < 6 ? next() : (next() & 1) === 0 ? 0x7fffffff : 0x80000000)),
    warpOf(10, (register, lane) => (register < 6 ? next() : lane + 32 * register)),
  ];
  const of = (inputs: Warp): Warp =>
    eachElement(shape, inputs, (x, y, c) =>
      x.reduce((sum, value, k) => sum + value * (y[k] ?? 0), c | 0),
    ).map((row) => Uint32Array.from(row, (sum) => Number(BigInt.asUintN(32, BigInt(sum)))));
  return {
    name,
    covers: [shape.spelling],
    body: body(shape),
    outputs: ['b32', 'b32', 'b32', 'b32'],
    rounds,
    reference: { kind: 'exact', of },
  };
}

const pair = (value: () => number) => (((value() & 0xffff) << 16) | (value() & 0xffff)) >>> 0;

/** Small whole numbers: every sum is exact in any order and at any width, so every bit is known on every GPU. */
function wholeMma(name: string, shape: Shape, format: typeof half): Probe {
  const next = words(shape.bits + name.length);
  const whole = () => encode((next() % 33) - 16, format);
  const rounds = [0, 1, 2].map(() =>
    warpOf(10, (register) => (register < 6 ? pair(whole) : bitsFrom((next() % 2001) - 1000))),
  );
  const of = (inputs: Warp): Warp =>
    eachElement(shape, inputs, (x, y, c) =>
      x.reduce((sum, value, k) => sum + value * (y[k] ?? 0), floatFrom(c)),
    ).map((row) => Uint32Array.from(row, bitsFrom));
  return {
    name,
    covers: [shape.spelling],
    body: body(shape),
    outputs: ['f32', 'f32', 'f32', 'f32'],
    rounds,
    reference: { kind: 'exact', of },
  };
}

/**
 * Values of many magnitudes. How a tensor core aligns and cuts addends differs between architectures (sm_80: 8 of k at
 * a time, sm_90: 16) and is not specified, so results must lie within the bound that the tolerances of verify assume:
 * 10 u T for each 8 of k, u = 2^-24, T the sum of all magnitudes (docs/numerics.md, Outlier MMA).
 */
function roundingMma(name: string, shape: Shape, random: (next: () => number) => number): Probe {
  const next = words(shape.bits + name.length);
  const rounds = [0, 1, 2].map((round) =>
    warpOf(10, (register) => {
      if (register < 6) return pair(() => random(next));
      return round === 0 ? 0 : bitsFrom((next() - 2 ** 31) * 2 ** (-32 + (next() % 8)));
    }),
  );
  const of = (inputs: Warp) =>
    eachElement(shape, inputs, (x, y, c) => {
      const terms = [floatFrom(c), ...x.map((value, k) => value * (y[k] ?? 0))];
      const total = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      return {
        value: terms.reduce((sum, term) => sum + term, 0),
        bound: 20.001 * 2 ** -24 * total + 2 ** -140,
      };
    });
  const source = 'docs/numerics.md, Outlier MMA: 10 u T for each 8 of k';
  return {
    name,
    covers: [shape.spelling],
    body: body(shape),
    outputs: ['f32', 'f32', 'f32', 'f32'],
    rounds,
    reference: { kind: 'bounded', source, of },
  };
}

export const mmaProbes: readonly Probe[] = [
  integerMma('mma-s4', s4),
  integerMma('mma-s8', s8),
  wholeMma('mma-f16-whole', f16, half),
  wholeMma('mma-bf16-whole', bf16, bfloat),
  // f16 numbers below 2^-3, subnormals among them; bf16 numbers of 2^-20 to 2^11.
  roundingMma('mma-f16-rounding', f16, (next) =>
    encode(((next() % 4095) - 2047) * 2 ** (-14 - (next() % 12)), half),
  ),
  roundingMma('mma-bf16-rounding', bf16, (next) => (next() & 0x807f) | ((107 + (next() & 31)) << 7)),
];
