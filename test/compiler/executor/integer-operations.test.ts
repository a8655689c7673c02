import { describe, expect, it } from 'vitest';
import { runLanes, words } from './lane-harness.ts';

const EDGES = [
  0, 1, -1, 2, 31, 32, 33, 63, 64, 255, 256, 0x7fffffff, -0x80000000, 0x0f0f0f0f, 0xffff, -32768, 16, 24,
];

/** 32 lanes of edge values, then of noise. */
function samples(seed: number): Int32Array[] {
  const next = words(seed);
  const pick = () => {
    const word = next();
    return word & 1 ? (EDGES[(word >>> 1) % EDGES.length] ?? 0) : next();
  };
  return [0, 1, 2].map(() => Int32Array.from({ length: 32 }, pick));
}

const u = (x: number) => BigInt(x >>> 0);
const s = (x: number) => BigInt(x | 0);
const lo = (x: bigint) => Number(BigInt.asIntN(32, x));
const hi = (x: bigint) => lo(x >> 32n);
const bit = (x: number, k: number) => (x >>> k) & 1;
const byte = (x: number, k: number) => (x >>> (8 * k)) & 255;
const signedByte = (x: number, k: number) => (byte(x, k) << 24) >> 24;

type Reference = (a: number, b: number, c: number) => number;
const CASES: readonly (readonly [string, Reference])[] = [
  ['add.s32 %d0, %a0, %a1;', (a, b) => lo(s(a) + s(b))],
  ['sub.s32 %d0, %a0, %a1;', (a, b) => lo(s(a) - s(b))],
  ['mul.lo.s32 %d0, %a0, %a1;', (a, b) => lo(s(a) * s(b))],
  ['mul.hi.s32 %d0, %a0, %a1;', (a, b) => hi(s(a) * s(b))],
  ['mul.hi.u32 %d0, %a0, %a1;', (a, b) => hi(u(a) * u(b))],
  ['mad.lo.s32 %d0, %a0, %a1, %a2;', (a, b, c) => lo(s(a) * s(b) + s(c))],
  ['mul.wide.s32 %rd0, %a0, %a1; mov.b64 {%r1, %d0}, %rd0;', (a, b) => hi(s(a) * s(b))],
  ['mul.wide.u32 %rd0, %a0, %a1; mov.b64 {%r1, %d0}, %rd0;', (a, b) => hi(u(a) * u(b))],
  ['mul.wide.u32 %rd0, %a0, %a1; cvt.u32.u64 %d0, %rd0;', (a, b) => lo(u(a) * u(b))],
  [
    'cvt.s64.s32 %rd0, %a0; cvt.u64.u32 %rd1, %a1; mul.lo.s64 %rd2, %rd0, %rd1; shr.u64 %rd3, %rd2, 32; cvt.u32.u64 %d0, %rd3;',
    (a, b) => hi(s(a) * u(b)),
  ],
  [
    'mul.wide.u32 %rd0, %a0, %a1; cvt.u64.u32 %rd1, %a2; add.s64 %rd2, %rd0, %rd1; mov.b64 {%r1, %d0}, %rd2;',
    (a, b, c) => hi(u(a) * u(b) + u(c)),
  ],
  [
    'cvt.u64.u32 %rd0, %a0; mul.wide.u32 %rd1, %a1, %a2; sub.s64 %rd2, %rd0, %rd1; mov.b64 {%r1, %d0}, %rd2;',
    (a, b, c) => hi(u(a) - u(b) * u(c)),
  ],
  ['shl.b32 %d0, %a0, %a1;', (a, b) => (b >>> 0 > 31 ? 0 : a << b)],
  ['shr.u32 %d0, %a0, %a1;', (a, b) => (b >>> 0 > 31 ? 0 : a >>> b)],
  ['shr.s32 %d0, %a0, %a1;', (a, b) => a >> Math.min(b >>> 0, 31)],
  [
    'mov.b64 %rd0, {%a0, %a1}; and.b32 %r1, %a2, 127; shl.b64 %rd1, %rd0, %r1; mov.b64 {%r2, %d0}, %rd1;',
    (a, b, c) => hi(((u(b) << 32n) | u(a)) << BigInt(c & 127)),
  ],
  [
    'mov.b64 %rd0, {%a0, %a1}; and.b32 %r1, %a2, 127; shr.s64 %rd1, %rd0, %r1; cvt.u32.u64 %d0, %rd1;',
    (a, b, c) => lo(((s(b) << 32n) | u(a)) >> BigInt(c & 127)),
  ],
  [
    'mov.b64 %rd0, {%a0, %a1}; and.b32 %r1, %a2, 127; shr.u64 %rd1, %rd0, %r1; mov.b64 {%r2, %d0}, %rd1;',
    (a, b, c) => hi(((u(b) << 32n) | u(a)) >> BigInt(c & 127)),
  ],
  ['shf.l.wrap.b32 %d0, %a0, %a1, %a2;', (a, b, c) => hi(((u(b) << 32n) | u(a)) << BigInt(c & 31))],
  ['shf.r.wrap.b32 %d0, %a0, %a1, %a2;', (a, b, c) => lo(((u(b) << 32n) | u(a)) >> BigInt(c & 31))],
  [
    'shf.r.clamp.b32 %d0, %a0, %a1, %a2;',
    (a, b, c) => lo(((u(b) << 32n) | u(a)) >> BigInt(Math.min(c >>> 0, 32))),
  ],
  ['and.b32 %d0, %a0, %a1;', (a, b) => a & b],
  ['or.b32 %d0, %a0, %a1;', (a, b) => a | b],
  ['xor.b32 %d0, %a0, %a1;', (a, b) => a ^ b],
  ['not.b32 %d0, %a0;', (a) => ~a],
  ['min.s32 %d0, %a0, %a1;', (a, b) => Math.min(a, b)],
  ['min.u32 %d0, %a0, %a1;', (a, b) => Math.min(a >>> 0, b >>> 0) | 0],
  ['max.u32 %d0, %a0, %a1;', (a, b) => Math.max(a >>> 0, b >>> 0) | 0],
  ['abs.s32 %d0, %a0;', (a) => (a < 0 ? -a | 0 : a)],
  ['neg.s32 %d0, %a0;', (a) => -a | 0],
  ['popc.b32 %d0, %a0;', (a) => (a >>> 0).toString(2).replaceAll('0', '').length],
  ['clz.b32 %d0, %a0;', (a) => Math.clz32(a)],
  [
    'brev.b32 %d0, %a0;',
    (a) => Number.parseInt([...(a >>> 0).toString(2).padStart(32, '0')].reverse().join(''), 2) | 0,
  ],
  ['bfind.u32 %d0, %a0;', (a) => 31 - Math.clz32(a) || (a === 0 ? -1 : 0)],
  ['bfind.shiftamt.u32 %d0, %a0;', (a) => (a === 0 ? -1 : Math.clz32(a))],
  [
    'bfe.u32 %d0, %a0, %a1, %a2;',
    (a, b, c) => {
      let r = 0;
      for (let k = 0; k < Math.min(c & 255, 32); k += 1)
        if ((b & 255) + k < 32) r |= bit(a, (b & 255) + k) << k;
      return r;
    },
  ],
  [
    'bfe.s32 %d0, %a0, %a1, %a2;',
    (a, b, c) => {
      const [pos, len] = [b & 255, c & 255];
      const sign = len === 0 ? 0 : bit(a, Math.min(pos + len - 1, 31));
      let r = 0;
      for (let k = 0; k < 32; k += 1) r |= (k < len && pos + k < 32 ? bit(a, pos + k) : sign) << k;
      return r;
    },
  ],
  ['bfi.b32 %d0, %a0, %a1, 5, 9;', (a, b) => (b & ~(511 << 5)) | ((a & 511) << 5)],
  [
    'bfi.b32 %d0, %a0, %a1, %a2, 12;',
    (a, b, c) => {
      let r = b;
      for (let k = 0; k < 12; k += 1) {
        const at = (c & 255) + k;
        if (at < 32) r = (r & ~(1 << at)) | (bit(a, k) << at);
      }
      return r;
    },
  ],
  ['lop3.b32 %d0, %a0, %a1, %a2, 0xCA;', (a, b, c) => (a & b) | (~a & c)],
  ['lop3.b32 %d0, %a0, %a1, %a2, 0x6A;', (a, b, c) => (a & b) ^ c],
  [
    'prmt.b32 %d0, %a0, %a1, %a2;',
    (a, b, c) => {
      let r = 0;
      for (let k = 0; k < 4; k += 1) {
        const n = (c >>> (4 * k)) & 15;
        const x = byte((n & 7) < 4 ? a : b, n & 3);
        r |= (n & 8 ? (x & 128 ? 255 : 0) : x) << (8 * k);
      }
      return r;
    },
  ],
  [
    'dp4a.s32.s32 %d0, %a0, %a1, %a2;',
    (a, b, c) => [0, 1, 2, 3].reduce((sum, k) => (sum + signedByte(a, k) * signedByte(b, k)) | 0, c),
  ],
  [
    'dp4a.u32.s32 %d0, %a0, %a1, %a2;',
    (a, b, c) => [0, 1, 2, 3].reduce((sum, k) => (sum + byte(a, k) * signedByte(b, k)) | 0, c),
  ],
  ['sad.u32 %d0, %a0, %a1, %a2;', (a, b, c) => lo(u(c) + (u(a) > u(b) ? u(a) - u(b) : u(b) - u(a)))],
  ['div.u32 %d0, %a0, %a1;', (a, b) => (b === 0 ? -1 : lo(u(a) / u(b)))],
  ['rem.s32 %d0, %a0, %a1;', (a, b) => (b === 0 ? a : lo(s(a) % s(b)))],
  ['setp.lt.s32 %p1, %a0, %a1; selp.b32 %d0, %a2, 7, %p1;', (a, b, c) => (a < b ? c : 7)],
  ['setp.lt.u32 %p1, %a0, %a1; selp.b32 %d0, %a2, 7, %p1;', (a, b, c) => (a >>> 0 < b >>> 0 ? c : 7)],
  [
    'setp.gt.s32 %p2, %a2, 0; setp.ge.and.s32 %p1|%p3, %a0, %a1, !%p2; selp.b32 %r1, 1, 0, %p1; selp.b32 %r2, 2, 0, %p3; or.b32 %d0, %r1, %r2;',
    (a, b, c) => (c > 0 ? 0 : a >= b ? 1 : 2),
  ],
  [
    'mov.b64 %rd0, {%a0, %a1}; mov.b64 %rd1, {%a1, %a2}; setp.lt.s64 %p1, %rd0, %rd1; selp.b32 %d0, 1, 0, %p1;',
    (a, b, c) => (((s(b) << 32n) | u(a)) < ((s(c) << 32n) | u(b)) ? 1 : 0),
  ],
  [
    'mov.b32 %d0, %a0; setp.eq.s32 %p1, %a1, 0; @%p1 mov.b32 %d0, %a2; @!%p1 add.s32 %d0, %d0, 1;',
    (a, b, c) => (b === 0 ? c : (a + 1) | 0),
  ],
  ['mov.b32 {%h1, %h2}, %a0; mov.b32 %d0, {%h2, %h1};', (a) => (a >>> 16) | (a << 16)],
  ['cvt.s32.s8 %d0, %a0;', (a) => signedByte(a, 0)],
  ['cvt.u16.u32 %h1, %a0; cvt.s32.s16 %d0, %h1;', (a) => (a << 16) >> 16],
  ['cvt.sat.s8.s32 %d0, %a0;', (a) => Math.min(127, Math.max(-128, a))],
  ['{ .reg .b32 low; and.b32 low, %a0, 15; mov.b32 %d0, low; }', (a) => a & 15],
];

describe('integer instructions agree with their definition', () => {
  for (const [body, reference] of CASES) {
    it(body, () => {
      for (let round = 0; round < 6; round += 1) {
        const inputs = samples(round * 77 + 5);
        const { outputs, report } = runLanes(body, inputs, 1);
        const [a, b, c] = inputs;
        const expected = Array.from(a!, (_, l) => reference(a![l]!, b![l]!, c![l]!) | 0);
        expect(Array.from(outputs[0]!)).toEqual(expected);
        expect(report.violations).toEqual([]);
      }
    });
  }
});

describe('what is not known is refused, by line', () => {
  const bad = [
    'foo.b32 %d0, %a0;',
    'add.sat.s32 %d0, %a0, %a1;',
    'selp.b64 %d0, %a0, %a1, %p1;',
    'add.s64 %d0, %a0, %a1;',
    'mov.b32 %rd0, %a0;',
    'add.s32 %d0, %a0;',
    'ld.global.b64 %d0, [%rd30];',
    'ld.global.b32 %d0, [%a0];',
    'mma.sync.aligned.m16n8k64.row.col.s32.u4.u4.s32 {%d0,%d1,%d2,%d3}, {%a0,%a1,%a2,%a0}, {%a0,%a1}, {%d0,%d1,%d2,%d3};',
    'cvt.f32.f64 %d0, %rd0;',
    'call foo;',
    'brx.idx %r0, tbl;',
    'bar.red.popc.u32 %d0, 0, %p1;',
    'barrier.cluster.wait;',
    'bar.foo 0;',
  ];
  for (const body of bad) {
    it(body, () => {
      const inputs = samples(1);
      expect(() => runLanes(body, inputs, 1)).toThrow(/line \d+: /);
    });
  }
});
