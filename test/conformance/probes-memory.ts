import { type Probe, perLane, type Warp } from './probe.ts';
import { integers, warpOf, words } from './probe-data.ts';

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

/** Word `index` of a round as it lies in memory. */
function flat(inputs: Warp, index: number): number {
  return inputs[index >> 5]?.[index & 31] ?? 0;
}

const room = '.shared .align 16 .b8 room[512];';
const ownRoom = `mov.u32 %r0, room;
  shl.b32 %r1, %lane, 4;
  add.s32 %r1, %r0, %r1;
  st.shared.v4.u32 [%r1], {%a0, %a1, %a2, %a3};
  bar.sync 0;`;

/** Stores into 16 bytes of shared memory that hold the inputs, then loads them whole. */
function sharedStore(spelling: string, bytes: 1 | 2 | 4): Probe {
  const body = `${ownRoom}
    cvt.u16.u32 %h0, %a4;
    ${spelling} [%r1+4], ${bytes === 4 ? '%a4' : '%h0'};
    bar.sync 0;
    ld.shared.v4.u32 {%d0, %d1, %d2, %d3}, [%r1];`;
  const mask = 2 ** (8 * bytes) - 1;
  const covers = [spelling, 'st.shared.v4.u32', 'ld.shared.v4.u32'];
  const probe = perLane(
    plain(spelling),
    covers,
    body,
    integers(5),
    ['b32', 'b32', 'b32', 'b32'],
    (a = 0, b = 0, c = 0, d = 0, e = 0) => [a, ((b & ~mask) | (e & mask)) >>> 0, c, d],
  );
  return { ...probe, declarations: room };
}

/** Loads what the neighbour, lane ^ 1, has stored. */
function sharedLoad(spelling: string, width: number, bytes: 1 | 4): Probe {
  const results = ['%d0', '%d1', '%d2', '%d3'].slice(0, width);
  const into = bytes === 1 ? '%h0' : width === 1 ? '%d0' : `{${results.join(', ')}}`;
  return {
    ...{
      name: plain(spelling),
      covers: [spelling, 'st.shared.v4.u32'],
      declarations: room,
      rounds: integers(4),
    },
    outputs: results.map(() => 'b32'),
    body: `${ownRoom}
      xor.b32 %r2, %r1, 16;
      ${spelling} ${into}, [%r2${bytes === 1 ? '+1' : ''}];
      ${bytes === 1 ? 'cvt.u32.u16 %d0, %h0;' : ''}`,
    reference: {
      kind: 'exact',
      of: (inputs) =>
        results.map((_, i) =>
          Uint32Array.from({ length: 32 }, (_, lane) => {
            const word = inputs[i]?.[lane ^ 1] ?? 0;
            return bytes === 1 ? (word >>> 8) & 255 : word;
          }),
        ),
    },
  };
}

/** 16 bytes asynchronously, of which `%a4` are read and the rest is zero, over memory that held something else. */
function asyncCopy(): Probe {
  const next = words(16);
  const sizes = [16, 8, 0, 4, 12];
  const rounds = [0, 1].map((round) =>
    warpOf(5, (register, lane) => (register < 4 ? next() : (sizes[(lane + round) % sizes.length] ?? 0))),
  );
  const of = (inputs: Warp): Warp =>
    [0, 1, 2, 3].map((i) =>
      Uint32Array.from({ length: 32 }, (_, lane) =>
        4 * i < (inputs[4]?.[lane] ?? 0) ? flat(inputs, 4 * lane + i) : 0,
      ),
    );
  return {
    ...{ name: 'cp-async-src-size', declarations: room, outputs: ['b32', 'b32', 'b32', 'b32'], rounds },
    covers: ['cp.async.cg.shared.global', 'cp.async.commit_group', 'cp.async.wait_group'],
    body: `${ownRoom}
      mul.wide.u32 %rd0, %lane, 16;
      add.s64 %rd0, %source, %rd0;
      cp.async.cg.shared.global [%r1], [%rd0], 16, %a4;
      cp.async.commit_group;
      cp.async.wait_group 0;
      bar.sync 0;
      ld.shared.v4.u32 {%d0, %d1, %d2, %d3}, [%r1];`,
    reference: { kind: 'exact', of },
  };
}

/** Two groups in flight: waiting for all but one makes the older one's bytes readable, by other lanes too. */
function asyncGroups(): Probe {
  const next = words(17);
  const rounds = [warpOf(4, () => next()), warpOf(4, () => next())];
  const of = (inputs: Warp): Warp => [
    Uint32Array.from({ length: 32 }, (_, lane) => flat(inputs, 4 * (lane ^ 1))),
    Uint32Array.from({ length: 32 }, (_, lane) => flat(inputs, 4 * (lane ^ 1) + 3)),
  ];
  return {
    ...{ name: 'cp-async-groups', outputs: ['b32', 'b32'], rounds },
    covers: ['cp.async.commit_group', 'cp.async.wait_group'],
    declarations: '.shared .align 16 .b8 room[1024];',
    body: `${ownRoom}
      mul.wide.u32 %rd0, %lane, 16;
      add.s64 %rd0, %source, %rd0;
      mov.u32 %r3, 16;
      cp.async.cg.shared.global [%r1], [%rd0], 16, %r3;
      cp.async.commit_group;
      cp.async.cg.shared.global [%r1+512], [%rd0], 16, %r3;
      cp.async.commit_group;
      cp.async.wait_group 1;
      bar.sync 0;
      xor.b32 %r2, %r1, 16;
      ld.shared.u32 %d0, [%r2];
      ld.shared.u32 %d1, [%r2+12];
      cp.async.wait_group 0;`,
    reference: { kind: 'exact', of },
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

export const memoryProbes: readonly Probe[] = [
  globalStore('st.global.u16', 1, 2),
  globalStore('st.global.u32', 1, 4),
  globalStore('st.global.f32', 1, 4),
  globalStore('st.global.v2.f32', 2, 4),
  globalStore('st.global.v4.u32', 4, 4),
  globalLoad('ld.global.nc.u32', 1),
  globalLoad('ld.global.nc.v4.u32', 4),
  globalLoad('ld.global.cs.v4.u32', 4),
  sharedStore('st.shared.u8', 1),
  sharedStore('st.shared.u16', 2),
  sharedStore('st.shared.u32', 4),
  sharedStore('st.shared.f32', 4),
  sharedLoad('ld.shared.u8', 1, 1),
  sharedLoad('ld.shared.u32', 1, 4),
  sharedLoad('ld.shared.f32', 1, 4),
  sharedLoad('ld.shared.v2.u32', 2, 4),
  sharedLoad('ld.shared.v2.f32', 2, 4),
  sharedLoad('ld.shared.v4.f32', 4, 4),
  asyncCopy(),
  asyncGroups(),
  atomicAdd(),
  atomicExchange(),
  shuffle(),
];
