import { describe, expect, it } from 'vitest';
import { floatMmaReference } from '../../../compiler/executor/numeric/float-mma-reference.ts';
import { halfToFloat } from '../../../compiler/executor/numeric/half.ts';
import { runLanes, words } from './lane-harness.ts';

const names = (letter: string, from: number, count: number) =>
  `{${Array.from({ length: count }, (_, i) => `%${letter}${from + i}`).join(', ')}}`;

interface IntegerShape {
  readonly shape: string;
  readonly type: string;
  readonly bits: number;
  readonly rows: number;
  readonly k: number;
}

/** Element `index` of `bits` in a row of 32-bit words. */
function element(row: readonly number[], index: number, bits: number, signed: boolean): number {
  const word = row[Math.floor((index * bits) / 32)]!;
  const field = (word >>> ((index * bits) % 32)) & (2 ** bits - 1);
  return signed && field >= 2 ** (bits - 1) ? field - 2 ** bits : field;
}

/** The fragment law (PTX ISA 9.7.14.5): A register r, lane (g, t) is row g + 8(r & 1), bits 128(r >> 1) + 32t. */
function rowsOf(registers: readonly Int32Array[], rows: number): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const halves = registers.length / (rows / 8);
    const out: number[] = [];
    for (let half = 0; half < halves; half += 1) {
      const register = registers[half * (rows / 8) + (row >> 3)]!;
      for (let t = 0; t < 4; t += 1) out.push(register[(row & 7) * 4 + t]!);
    }
    return out;
  });
}

const SHAPES: readonly IntegerShape[] = [
  { shape: 'm16n8k64', type: 's4', bits: 4, rows: 16, k: 64 },
  { shape: 'm16n8k32', type: 's4', bits: 4, rows: 16, k: 32 },
  { shape: 'm8n8k32', type: 's4', bits: 4, rows: 8, k: 32 },
  { shape: 'm16n8k32', type: 's8', bits: 8, rows: 16, k: 32 },
  { shape: 'm16n8k16', type: 's8', bits: 8, rows: 16, k: 16 },
];

describe('integer mma.sync is exact', () => {
  for (const { shape, type, bits, rows, k } of SHAPES) {
    const pairs = bits === 8 ? ['s8.s8', 'u8.s8', 's8.u8', 'u8.u8'] : ['s4.s4'];
    for (const types of pairs) {
      for (const sat of ['', '.satfinite']) {
        it(`${shape} ${types}${sat} (${type})`, () => {
          const [aCount, bCount, cCount] = [(rows * k * bits) / 1024, (8 * k * bits) / 1024, rows / 4];
          const next = words(k + bits);
          for (let round = 0; round < 12; round += 1) {
            const fill = round === 0 ? () => 0x88888888 | 0 : next;
            const limit = round & 1 ? 0 : 8;
            const a = Array.from({ length: aCount }, () => Int32Array.from({ length: 32 }, fill));
            const b = Array.from({ length: bCount }, () => Int32Array.from({ length: 32 }, fill));
            const c = Array.from({ length: cCount }, () =>
              Int32Array.from({ length: 32 }, () =>
                limit === 0 ? (next() & 1 ? 0x7ffffff0 : -0x7ffffff0) : next() >> limit,
              ),
            );
            const [aType, bType] = types.split('.');
            const body =
              `mma.sync.aligned.${shape}.row.col${sat}.s32.${types}.s32 ${names('d', 0, cCount)}, ${names('a', 0, aCount)},
              ${names('a', aCount, bCount)}, ${names('a', aCount + bCount, cCount)};`.replaceAll(
                /\{(%a\d+)\}/g,
                '{$1}',
              );
            const { outputs } = runLanes(body, [...a, ...b, ...c], cCount);
            const aRows = rowsOf(a, rows);
            const bRows = rowsOf(b, 8);
            for (let i = 0; i < cCount; i += 1) {
              for (let lane = 0; lane < 32; lane += 1) {
                const row = (lane >> 2) + 8 * (i >> 1);
                const column = 2 * (lane & 3) + (i & 1);
                let sum = BigInt(c[i]![lane]!);
                for (let kk = 0; kk < k; kk += 1) {
                  const x = element(aRows[row]!, kk, bits, aType!.startsWith('s'));
                  sum += BigInt(x * element(bRows[column]!, kk, bits, bType!.startsWith('s')));
                }
                const clamped = sum > 0x7fffffffn ? 0x7fffffffn : sum < -0x80000000n ? -0x80000000n : sum;
                const want = Number(sat === '' ? BigInt.asIntN(32, sum) : clamped);
                if (outputs[i]![lane] !== want)
                  expect.fail(`c${i} lane ${lane}: ${outputs[i]![lane]}, not ${want}`);
              }
            }
          }
        });
      }
    }
  }
});

const F = new Float32Array(1);
const BITS = new Int32Array(F.buffer);
const floatOf = (bits: number) => {
  BITS[0] = bits;
  return F[0]!;
};
const bitsOf = (x: number) => {
  F[0] = x;
  return BITS[0]!;
};

const INTEGER_HALVES = new Map(
  Array.from({ length: 65536 }, (_, bits) => [halfToFloat(bits), bits] as const),
);

describe('f16 and bf16 mma.sync', () => {
  for (const kind of ['f16', 'bf16'] as const) {
    for (const k of [16, 8]) {
      const decode = kind === 'f16' ? halfToFloat : (bits: number) => floatOf(bits << 16);
      const run = (half: (round: number) => number, cValue: (round: number) => number, rounds: number) => {
        for (let round = 0; round < rounds; round += 1) {
          const word = () => half(round) | (half(round) << 16);
          const a = Array.from({ length: k / 4 }, () => Int32Array.from({ length: 32 }, word));
          const b = Array.from({ length: k / 8 }, () => Int32Array.from({ length: 32 }, word));
          const c = Array.from({ length: 4 }, () =>
            Int32Array.from({ length: 32 }, () => bitsOf(cValue(round))),
          );
          const body = `mma.sync.aligned.m16n8k${k}.row.col.f32.${kind}.${kind}.f32 ${names('d', 0, 4)}, ${names('a', 0, k / 4)},
            ${names('a', k / 4, k / 8)}, ${names('a', (k * 3) / 8, 4)};`;
          const { outputs } = runLanes(body, [...a, ...b, ...c], 4);
          const [aRows, bRows] = [rowsOf(a, 16), rowsOf(b, 8)];
          for (let i = 0; i < 4; i += 1) {
            for (let lane = 0; lane < 32; lane += 1) {
              const [row, column] = [(lane >> 2) + 8 * (i >> 1), 2 * (lane & 3) + (i & 1)];
              const values = (source: number[]) =>
                Array.from({ length: k }, (_, kk) => decode((source[kk >> 1]! >>> (16 * (kk & 1))) & 0xffff));
              const [x, y, z] = [values(aRows[row]!), values(bRows[column]!), floatOf(c[i]![lane]!)];
              const exactSum = x.reduce((sum, value, kk) => sum + value * y[kk]!, z);
              const magnitude = x.reduce((sum, value, kk) => sum + Math.abs(value * y[kk]!), Math.abs(z));
              const got = floatOf(outputs[i]![lane]!);
              const want = floatMmaReference(x, y, z, kind === 'f16' ? -14 : -126);
              if (!Object.is(got + 0, want + 0)) expect.fail(`c${i} lane ${lane}: ${got}, not ${want}`);
              // The model itself: never off by more than nine cuts of 2^-24 and a rounding of 2^-23 per half.
              if (magnitude < 3e38 && Math.abs(got - exactSum) > magnitude * 2 ** -19 + 1e-30)
                expect.fail(`${got} is too far from ${exactSum}`);
            }
          }
        }
      };
      const next = words(k);
      const integer = () => {
        const value = (next() & 31) - 16;
        if (kind === 'bf16') return (bitsOf(value) >>> 16) & 0xffff;
        return INTEGER_HALVES.get(value)!;
      };
      it(`${kind} k${k}: integers are exact`, () => run(integer, () => (next() & 255) - 128, 4));
      it(`${kind} k${k}: noise of all magnitudes follows the model`, () =>
        run(
          () => (kind === 'f16' ? next() & 0xbfff : (next() & 0x807f) | ((127 - 20 + (next() & 31)) << 7)),
          (round) => (round & 1 ? 0 : floatOf((next() & 0x807fffff) | ((100 + (next() & 31)) << 23))),
          16,
        ));
      it(`${kind} k${k}: extremes and non-finite values go to the reference`, () =>
        run(
          () => next() & 0xffff,
          () => floatOf(next()),
          8,
        ));
    }
  }
});

describe('ldmatrix and movmatrix', () => {
  const store = `shl.b32 %r1, %r63, 6; mov.u32 %r2, tile; add.s32 %r1, %r2, %r1;
    st.shared.v4.b32 [%r1], {%a0, %a1, %a2, %a3}; st.shared.v4.b32 [%r1+16], {%a4, %a5, %a6, %a7};
    st.shared.v4.b32 [%r1+32], {%a0, %a1, %a2, %a3}; st.shared.v4.b32 [%r1+48], {%a4, %a5, %a6, %a7};
    bar.sync 0; shl.b32 %r3, %r63, 6; add.s32 %r3, %r2, %r3;`;
  const next = words(9);
  const inputs = Array.from({ length: 8 }, () => Int32Array.from({ length: 32 }, next));
  const halves = (row: number) =>
    [0, 1, 2, 3].flatMap((c) => [inputs[c]![row]! & 0xffff, inputs[c]![row]! >>> 16]);
  for (const count of [1, 2, 4]) {
    for (const trans of ['', '.trans']) {
      it(`ldmatrix.x${count}${trans}`, () => {
        const body = `${store} ldmatrix.sync.aligned.m8n8.x${count}${trans}.shared.b16 ${names('d', 0, count)}, [%r3];`;
        const { outputs, report } = runLanes(body, inputs, count, '.shared .align 16 .b8 tile[2048];');
        expect(report.violations).toEqual([]);
        for (let matrix = 0; matrix < count; matrix += 1) {
          for (let lane = 0; lane < 32; lane += 1) {
            const [r, c] = [lane >> 2, (lane & 3) * 2];
            const at = (row: number, column: number) => halves(matrix * 8 + row)[column]!;
            const pair = trans === '' ? [at(r, c), at(r, c + 1)] : [at(c, r), at(c + 1, r)];
            expect(outputs[matrix]![lane]).toBe(pair[0]! | (pair[1]! << 16));
          }
        }
      });
    }
  }
  it('counts bank conflicts of ldmatrix: rows 64 bytes apart meet in pairs of banks', () => {
    const body = `${store} ldmatrix.sync.aligned.m8n8.x4.shared.b16 ${names('d', 0, 4)}, [%r3];`;
    const { report } = runLanes(body, inputs, 4, '.shared .align 16 .b8 tile[2048];');
    const counters = report.instructions.find(({ spelling }) => spelling.startsWith('ldmatrix'))!;
    expect([counters.wavefronts, counters.idealWavefronts]).toEqual([16, 4]);
  });
  it('movmatrix transposes', () => {
    const { outputs } = runLanes('movmatrix.sync.aligned.m8n8.trans.b16 %d0, %a0;', inputs, 1);
    const half = (row: number, column: number) =>
      (inputs[0]![row * 4 + (column >> 1)]! >>> (16 * (column & 1))) & 0xffff;
    for (let lane = 0; lane < 32; lane += 1) {
      const [r, c] = [lane >> 2, (lane & 3) * 2];
      expect(outputs[0]![lane]).toBe(half(c, r) | (half(c + 1, r) << 16));
    }
  });
});
