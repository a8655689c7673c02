import { floatFrom } from './numbers.ts';
import { type Probe, perLane, type Warp } from './probe.ts';
import { floats, integers } from './probe-data.ts';

/** setp into 1 or 0 by selp. Ordered comparisons with NaN are false. */
function comparison(spelling: string, rounds: readonly Warp[], of: (a: number, b: number) => boolean): Probe {
  const body = `${spelling} %p0, %a0, %a1;\nselp.b32 %d0, 1, 0, %p0;`;
  return perLane(
    spelling.replaceAll('.', '-'),
    [spelling, 'selp.b32'],
    body,
    rounds,
    ['b32'],
    (a = 0, b = 0) => [of(a, b) ? 1 : 0],
  );
}

/** Pairs with equals among them. */
function pairs(): readonly Warp[] {
  return integers(2).map(([a = new Uint32Array(32), b = new Uint32Array(32)]) => [
    a,
    b.map((value, lane) => (lane % 4 === 0 ? (a[lane] ?? 0) : value)),
  ]);
}

const onSigned = (of: (a: number, b: number) => boolean) => (a: number, b: number) => of(a | 0, b | 0);

/** Predicates combined, from the signs of two words. */
function predicates(operation: 'and' | 'or' | 'xor', of: (a: boolean, b: boolean) => boolean): Probe {
  const body = `setp.lt.s32 %p0, %a0, 0;
    setp.lt.s32 %p1, %a1, 0;
    ${operation}.pred %p2, %p0, %p1;
    selp.b32 %d0, 1, 0, %p2;`;
  return perLane(`${operation}-pred`, [`${operation}.pred`], body, integers(2), ['b32'], (a = 0, b = 0) => [
    of((a | 0) < 0, (b | 0) < 0) ? 1 : 0,
  ]);
}

function selection(type: string): Probe {
  const body = `setp.lt.s32 %p0, %a2, 0;\nselp.${type} %d0, %a0, %a1, %p0;`;
  return perLane(`selp-${type}`, [`selp.${type}`], body, integers(3), ['b32'], (a = 0, b = 0, c = 0) => [
    (c | 0) < 0 ? a : b,
  ]);
}

export const compareProbes: readonly Probe[] = [
  comparison('setp.eq.s32', pairs(), (a, b) => a === b),
  comparison('setp.eq.b32', pairs(), (a, b) => a === b),
  comparison('setp.ne.s32', pairs(), (a, b) => a !== b),
  comparison(
    'setp.lt.s32',
    pairs(),
    onSigned((a, b) => a < b),
  ),
  comparison(
    'setp.le.s32',
    pairs(),
    onSigned((a, b) => a <= b),
  ),
  comparison(
    'setp.gt.s32',
    pairs(),
    onSigned((a, b) => a > b),
  ),
  comparison(
    'setp.ge.s32',
    pairs(),
    onSigned((a, b) => a >= b),
  ),
  comparison('setp.lt.u32', pairs(), (a, b) => a < b),
  comparison('setp.le.u32', pairs(), (a, b) => a <= b),
  comparison('setp.gt.u32', pairs(), (a, b) => a > b),
  comparison('setp.ge.u32', pairs(), (a, b) => a >= b),
  comparison('setp.lt.f32', floats(2), (a, b) => floatFrom(a) < floatFrom(b)),
  perLane(
    'setp-eq-s16',
    ['setp.eq.s16', 'selp.u16'],
    `cvt.u16.u32 %h0, %a0;
    cvt.u16.u32 %h1, %a1;
    setp.eq.s16 %p0, %h0, %h1;
    selp.u16 %h2, 7, 9, %p0;
    cvt.u32.u16 %d0, %h2;`,
    pairs(),
    ['b32'],
    (a = 0, b = 0) => [(a & 0xffff) === (b & 0xffff) ? 7 : 9],
  ),
  predicates('and', (a, b) => a && b),
  predicates('or', (a, b) => a || b),
  predicates('xor', (a, b) => a !== b),
  ...['u32', 'f32'].map(selection),
];
