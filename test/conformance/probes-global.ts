import { type Probe, perLane, type Warp } from './probe.ts';
import { flat, integers, warpOf, words } from './probe-data.ts';

const plain = (spelling: string) => spelling.replaceAll('.', '-');

/** Stores to the lane's own 16 bytes and loads them again, a fence between: what was stored, and nothing beside it. */
function globalStore(spelling: string, width: number, bytes: number): Probe {
  const values = ['%a0', '%a1', '%a2', '%a3'].slice(0, width);
  const narrow = bytes === 2;
  const stored = narrow ? '%h0' : width === 1 ? '%a0' : `{${values.join(', ')}}`;
  const body = `${narrow ? 'cvt.u16.u32 %h0, %a0;' : ''}
    ${spelling} [%mine], ${stored};
    membar.gl;
    ld.global.v4.u32 {%d0, %d1, %d2, %d3}, [%mine];`;
  return perLane(
    plain(spelling),
    [spelling, 'membar.gl'],
    body,
    integers(4),
    ['b32', 'b32', 'b32', 'b32'],
    (...inputs) => inputs.map((word, index) => (index >= width ? 0 : narrow ? word & 0xffff : word)),
  );
}

/** Loads 16 bytes of the input, which for lane l are words 4l to 4l + 3 of the round. */
function globalLoad(spelling: string, width: number): Probe {
  const next = words(width);
  const results = ['%d0', '%d1', '%d2', '%d3'].slice(0, width);
  const rounds = [warpOf(4, () => next()), warpOf(4, () => next())];
  return {
    ...{ name: plain(spelling), covers: [spelling], outputs: results.map(() => 'b32' as const), rounds },
    body: `mul.wide.u32 %rd0, %lane, 16;
      add.s64 %rd0, %source, %rd0;
      ${spelling} ${width === 1 ? '%d0' : `{${results.join(', ')}}`}, [%rd0];`,
    reference: {
      kind: 'exact',
      of: (inputs) =>
        results.map((_, i) => Uint32Array.from({ length: 32 }, (_, lane) => flat(inputs, 4 * lane + i))),
    },
  };
}

/** On a word of its own a lane sees the old values in order; on a word of all lanes only the total is certain. */
function atomicAdd(): Probe {
  const of = ([a = new Uint32Array(32), b = new Uint32Array(32)]: Warp): Warp => {
    const total = a.reduce((sum, value) => (sum + value) >>> 0, 0);
    return [
      new Uint32Array(32),
      a,
      a.map((value, lane) => value + (b[lane] ?? 0)),
      new Uint32Array(32).fill(total),
    ];
  };
  return {
    ...{ name: 'atom-global-add-u32', covers: ['atom.global.add.u32', 'membar.gl'], rounds: integers(2) },
    outputs: ['b32', 'b32', 'b32', 'b32'],
    body: `atom.global.add.u32 %d0, [%mine], %a0;
      atom.global.add.u32 %d1, [%mine], %a1;
      atom.global.add.u32 %d2, [%mine], 0;
      atom.global.add.u32 %r0, [%scratch+2048], %a0;
      membar.gl;
      bar.sync 0;
      atom.global.add.u32 %d3, [%scratch+2048], 0;`,
    reference: { kind: 'exact', of },
  };
}

function atomicExchange(): Probe {
  const body = `atom.global.exch.b32 %d0, [%mine], %a0;
    atom.global.exch.b32 %d1, [%mine], %a1;
    atom.global.exch.b32 %d2, [%mine], 0;
    atom.global.exch.b32 %d3, [%mine], 0;`;
  return perLane(
    'atom-global-exch-b32',
    ['atom.global.exch.b32'],
    body,
    integers(2),
    ['b32', 'b32', 'b32', 'b32'],
    (a = 0, b = 0) => [0, a, b, 0],
  );
}

/** Each lane gets the word of the lane whose number differs in the bits of the mask. */
function shuffle(): Probe {
  const masks = [1, 2, 4, 8, 16];
  const of = ([a = new Uint32Array(32)]: Warp): Warp =>
    masks.map((mask) => a.map((_, lane) => a[lane ^ mask] ?? 0));
  return {
    ...{
      name: 'shfl-sync-bfly-b32',
      covers: ['shfl.sync.bfly.b32'],
      rounds: integers(1),
      outputs: masks.map(() => 'b32' as const),
    },
    body: masks.map((mask, index) => `shfl.sync.bfly.b32 %d${index}|%p0, %a0, ${mask}, 31, -1;`).join('\n'),
    reference: { kind: 'exact', of },
  };
}

export const globalProbes: readonly Probe[] = [
  globalStore('st.global.u16', 1, 2),
  globalStore('st.global.u32', 1, 4),
  globalStore('st.global.f32', 1, 4),
  globalStore('st.global.v2.f32', 2, 4),
  globalStore('st.global.v2.u32', 2, 4),
  globalStore('st.global.v4.u32', 4, 4),
  globalLoad('ld.global.u32', 1),
  globalLoad('ld.global.v4.u32', 4),
  globalLoad('ld.global.nc.u32', 1),
  globalLoad('ld.global.nc.v4.u32', 4),
  globalLoad('ld.global.cs.v4.u32', 4),
  atomicAdd(),
  atomicExchange(),
  shuffle(),
];
