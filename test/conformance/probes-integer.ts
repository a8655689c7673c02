import { type Probe, perLane, type Warp } from './probe.ts';
import { integers, warpOf, words } from './probe-data.ts';

const signed = (word: number) => BigInt.asIntN(32, BigInt(word));
const low = (value: bigint) => Number(BigInt.asUintN(32, value));
const wide = (value: bigint) => [low(value), low(value >> 32n)];
const join = (lowWord: number, highWord: number) =>
  BigInt.asIntN(64, (BigInt(highWord) << 32n) | BigInt(lowWord));

type Operation = (...words: bigint[]) => bigint;

/** One instruction on 32-bit registers. The reference computes on signed values and keeps 32 bits. */
function simple(spelling: string, operands: number, of: Operation, rounds = integers(operands)): Probe {
  const names = Array.from({ length: operands }, (_, index) => `%a${index}`).join(', ');
  return perLane(nameOf(spelling), [spelling], `${spelling} %d0, ${names};`, rounds, ['b32'], (...inputs) => [
    low(of(...inputs.map(signed))),
  ]);
}

function nameOf(spelling: string): string {
  return spelling.replaceAll('.', '-').toLowerCase();
}

/** A 64-bit instruction: operands and result as pairs of words, low first. */
function simple64(spelling: string, of: Operation): Probe {
  const body = `mov.b64 %rd0, {%a0, %a1};
    mov.b64 %rd1, {%a2, %a3};
    ${spelling} %rd2, %rd0, %rd1;
    mov.b64 {%d0, %d1}, %rd2;`;
  return perLane(
    nameOf(spelling),
    [spelling],
    body,
    integers(4),
    ['b32', 'b32'],
    (a = 0, b = 0, c = 0, d = 0) => wide(of(join(a, b), join(c, d))),
  );
}

/** A 64-bit shift by a 32-bit amount; 64 and more shift everything out. */
function shift64(spelling: string, of: Operation): Probe {
  const body = `mov.b64 %rd0, {%a0, %a1};
    ${spelling} %rd1, %rd0, %a2;
    mov.b64 {%d0, %d1}, %rd1;`;
  return perLane(
    nameOf(spelling),
    [spelling],
    body,
    withAmounts(3, 70),
    ['b32', 'b32'],
    (a = 0, b = 0, c = 0) => wide(of(BigInt.asUintN(64, join(a, b)), BigInt(c))),
  );
}

/** Integers whose last register is an amount to shift by, from 0 to past the width. */
function withAmounts(registers: number, limit: number): readonly Warp[] {
  return integers(registers).map((warp) =>
    warp.map((word, index) =>
      index === registers - 1 ? word.map((value, lane) => (value + lane) % limit) : word,
    ),
  );
}

/** 32 x 32 to 64 bits. */
function widening(spelling: string, isSigned: boolean): Probe {
  const body = `${spelling} %rd0, %a0, %a1;\nmov.b64 {%d0, %d1}, %rd0;`;
  return perLane(nameOf(spelling), [spelling], body, integers(2), ['b32', 'b32'], (a = 0, b = 0) =>
    wide(isSigned ? signed(a) * signed(b) : BigInt(a) * BigInt(b)),
  );
}

/** An instruction on 16-bit registers, cut from and widened to 32 bits: these conversions are probed along. */
function simple16(spelling: string, of: Operation): Probe {
  const body = `cvt.u16.u32 %h0, %a0;
    cvt.u16.u32 %h1, %a1;
    ${spelling} %h2, %h0, %h1;
    cvt.u32.u16 %d0, %h2;`;
  const covers = [spelling, 'cvt.u16.u32', 'cvt.u32.u16'];
  return perLane(nameOf(spelling), covers, body, integers(2), ['b32'], (a = 0, b = 0) => [
    Number(BigInt.asUintN(16, of(BigInt(a & 0xffff), BigInt(b & 0xffff)))),
  ]);
}

/** Neither a zero divisor nor the one quotient that does not fit: PTX leaves both open. */
function divisible(): readonly Warp[] {
  return integers(2).map(([a = new Uint32Array(32), b = new Uint32Array(32)]) => [
    a,
    b.map((value, lane) => (value === 0 || (value === 0xffffffff && a[lane] === 0x80000000) ? 3 : value)),
  ]);
}

function bitField(): Probe {
  const next = words(8);
  const rounds = Array.from({ length: 4 }, () =>
    warpOf(4, (register) => (register < 2 ? next() : next() % (register === 2 ? 34 : 36))),
  );
  // d = b with `length` bits of a from `position` on; what would lie past bit 31 is dropped.
  return perLane(
    'bfi-b32',
    ['bfi.b32'],
    'bfi.b32 %d0, %a0, %a1, %a2, %a3;',
    rounds,
    ['b32'],
    (a = 0, b = 0, position = 0, length = 0) => {
      let result = BigInt(b);
      for (let bit = 0; bit < length && position + bit < 32; bit += 1) {
        const at = BigInt(position + bit);
        result = (result & ~(1n << at)) | (((BigInt(a) >> BigInt(bit)) & 1n) << at);
      }
      return [low(result)];
    },
  );
}

/** shf.l.wrap: the upper word of {b, a} shifted left by c modulo 32; with a = b a rotation. */
function funnelShift(): Probe {
  return perLane(
    'shf-l-wrap-b32',
    ['shf.l.wrap.b32'],
    'shf.l.wrap.b32 %d0, %a0, %a1, %a2;',
    withAmounts(3, 70),
    ['b32'],
    (a = 0, b = 0, c = 0) => [low((((BigInt(b) << 32n) | BigInt(a)) << BigInt(c % 32)) >> 32n)],
  );
}

function permutation(): Probe {
  // Each nibble of the selector picks one of 8 bytes; its top bit asks for that byte's sign instead, eight times.
  return perLane(
    'prmt-b32',
    ['prmt.b32'],
    'prmt.b32 %d0, %a0, %a1, %a2;',
    integers(3),
    ['b32'],
    (a = 0, b = 0, selector = 0) => {
      const bytes = [a, b].flatMap((word) => [0, 8, 16, 24].map((at) => (word >>> at) & 255));
      const picked = [0, 4, 8, 12].map((at) => {
        const byte = bytes[(selector >>> at) & 7] ?? 0;
        if (((selector >>> at) & 8) === 0) return byte;
        return byte >= 128 ? 255 : 0;
      });
      return [picked.reduce((word, byte, index) => (word | (byte << (8 * index))) >>> 0, 0)];
    },
  );
}

/** lop3 with a truth table: bit (4a + 2b + c) of it is the result for operand bits a, b, c. */
function truthTable(table: number): Probe {
  const body = `lop3.b32 %d0, %a0, %a1, %a2, ${table};`;
  return perLane(`lop3-b32-${table}`, ['lop3.b32'], body, integers(3), ['b32'], (a = 0, b = 0, c = 0) => {
    let result = 0;
    for (let bit = 0; bit < 32; bit += 1) {
      const index = 4 * ((a >>> bit) & 1) + 2 * ((b >>> bit) & 1) + ((c >>> bit) & 1);
      result |= ((table >>> index) & 1) << bit;
    }
    return [result >>> 0];
  });
}

const clampedShift = (amount: bigint) => (amount > 31n ? 32n : amount);

export const integerProbes: readonly Probe[] = [
  simple('add.s32', 2, (a = 0n, b = 0n) => a + b),
  simple('sub.s32', 2, (a = 0n, b = 0n) => a - b),
  simple('mul.lo.s32', 2, (a = 0n, b = 0n) => a * b),
  simple('mul.hi.s32', 2, (a = 0n, b = 0n) => (a * b) >> 32n),
  simple('mad.lo.s32', 3, (a = 0n, b = 0n, c = 0n) => a * b + c),
  simple('and.b32', 2, (a = 0n, b = 0n) => a & b),
  simple('or.b32', 2, (a = 0n, b = 0n) => a | b),
  simple('xor.b32', 2, (a = 0n, b = 0n) => a ^ b),
  simple('popc.b32', 1, (a = 0n) =>
    BigInt([...BigInt.asUintN(32, a).toString(2)].filter((bit) => bit === '1').length),
  ),
  simple('not.b32', 1, (a = 0n) => ~a),
  simple('neg.s32', 1, (a = 0n) => -a),
  simple('max.s32', 2, (a = 0n, b = 0n) => (a > b ? a : b)),
  simple('min.s32', 2, (a = 0n, b = 0n) => (a < b ? a : b)),
  simple('div.s32', 2, (a = 0n, b = 1n) => a / b, divisible()),
  simple('rem.s32', 2, (a = 0n, b = 1n) => a % b, divisible()),
  simple('shl.b32', 2, (a = 0n, b = 0n) => a << clampedShift(b), withAmounts(2, 40)),
  simple('shr.s32', 2, (a = 0n, b = 0n) => a >> clampedShift(b), withAmounts(2, 40)),
  simple('shr.u32', 2, (a = 0n, b = 0n) => BigInt.asUintN(32, a) >> clampedShift(b), withAmounts(2, 40)),
  simple64('add.s64', (a = 0n, b = 0n) => a + b),
  simple64('sub.s64', (a = 0n, b = 0n) => a - b),
  simple64('mul.lo.s64', (a = 0n, b = 0n) => a * b),
  simple64('and.b64', (a = 0n, b = 0n) => a & b),
  simple64('or.b64', (a = 0n, b = 0n) => a | b),
  shift64('shl.b64', (a = 0n, b = 0n) => a << b),
  shift64('shr.u64', (a = 0n, b = 0n) => a >> b),
  widening('mul.wide.s32', true),
  widening('mul.wide.u32', false),
  simple16('add.s16', (a = 0n, b = 0n) => a + b),
  simple16('sub.s16', (a = 0n, b = 0n) => a - b),
  simple16('mul.lo.s16', (a = 0n, b = 0n) => a * b),
  simple16('and.b16', (a = 0n, b = 0n) => a & b),
  perLane(
    'shl-b16',
    ['shl.b16'],
    'cvt.u16.u32 %h0, %a0;\nshl.b16 %h1, %h0, %a1;\ncvt.u32.u16 %d0, %h1;',
    withAmounts(2, 20),
    ['b32'],
    (a = 0, b = 0) => [b > 15 ? 0 : (a << b) & 0xffff],
  ),
  perLane(
    'mul-wide-u16',
    ['mul.wide.u16'],
    'cvt.u16.u32 %h0, %a0;\ncvt.u16.u32 %h1, %a1;\nmul.wide.u16 %d0, %h0, %h1;',
    integers(2),
    ['b32'],
    (a = 0, b = 0) => [(a & 0xffff) * (b & 0xffff)],
  ),
  perLane(
    'cvt-s64-s32',
    ['cvt.s64.s32'],
    'cvt.s64.s32 %rd0, %a0;\nmov.b64 {%d0, %d1}, %rd0;',
    integers(1),
    ['b32', 'b32'],
    (a = 0) => wide(signed(a)),
  ),
  perLane(
    'cvt-u64-u32',
    ['cvt.u64.u32', 'cvt.u32.u64'],
    'cvt.u64.u32 %rd0, %a0;\nmov.b64 {%r0, %d1}, %rd0;\ncvt.u32.u64 %d0, %rd0;',
    integers(1),
    ['b32', 'b32'],
    (a = 0) => [a, 0],
  ),
  bitField(),
  funnelShift(),
  permutation(),
  truthTable(0xea),
  truthTable(0x96),
  truthTable(0x1b),
];
