import { type Probe, perLane, type Warp } from './probe.ts';
import { flat, integers, warpOf, words } from './probe-data.ts';

const plain = (spelling: string) => spelling.replaceAll('.', '-');

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
function sharedLoad(spelling: string, width: number, bytes: 1 | 2 | 4): Probe {
  const results = ['%d0', '%d1', '%d2', '%d3'].slice(0, width);
  const into = bytes < 4 ? '%h0' : width === 1 ? '%d0' : `{${results.join(', ')}}`;
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
      ${spelling} ${into}, [%r2${bytes < 4 ? `+${bytes}` : ''}];
      ${bytes < 4 ? 'cvt.u32.u16 %d0, %h0;' : ''}`,
    reference: {
      kind: 'exact',
      of: (inputs) =>
        results.map((_, i) =>
          Uint32Array.from({ length: 32 }, (_, lane) => {
            const word = inputs[i]?.[lane ^ 1] ?? 0;
            return bytes === 4 ? word : (word >>> (8 * bytes)) & (2 ** (8 * bytes) - 1);
          }),
        ),
    },
  };
}

/** Clears bits of a word of the lane's own, then of one that all lanes share. */
function sharedAnd(): Probe {
  const of = (inputs: Warp): Warp => {
    const [a, b, c] = [0, 1, 2].map((i) => inputs[i] ?? new Uint32Array(32));
    const together = (c ?? new Uint32Array(32)).reduce((all, word) => all & word, -1) >>> 0;
    return [
      (a ?? new Uint32Array(32)).map((word, lane) => word & (b?.[lane] ?? 0)),
      new Uint32Array(32).fill(together),
    ];
  };
  return {
    ...{ name: 'atom-shared-and-b32', declarations: '.shared .align 16 .b8 room[528];', rounds: integers(4) },
    covers: ['atom.shared.and.b32', 'st.shared.v4.u32', 'ld.shared.u32'],
    outputs: ['b32', 'b32'],
    body: `mov.u32 %r3, -1;
      mov.u32 %r0, room;
      setp.eq.u32 %p0, %lane, 0;
      @%p0 st.shared.u32 [%r0+512], %r3;
      ${ownRoom}
      atom.shared.and.b32 %r2, [%r1], %a1;
      atom.shared.and.b32 %r2, [%r0+512], %a2;
      bar.sync 0;
      ld.shared.u32 %d0, [%r1];
      ld.shared.u32 %d1, [%r0+512];`,
    reference: { kind: 'exact', of },
  };
}

/** 16 bytes asynchronously, of which `%a4` are read and the rest is zero, over memory that held something else. */
function asyncCopy(name: string, waiting: readonly string[]): Probe {
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
    ...{ name, declarations: room, outputs: ['b32', 'b32', 'b32', 'b32'], rounds },
    covers: ['cp.async.cg.shared.global', ...waiting.map((one) => one.replace(' 0', ''))],
    body: `${ownRoom}
      mul.wide.u32 %rd0, %lane, 16;
      add.s64 %rd0, %source, %rd0;
      cp.async.cg.shared.global [%r1], [%rd0], 16, %a4;
      ${waiting.map((one) => `${one};`).join('\n')}
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

export const sharedProbes: readonly Probe[] = [
  sharedStore('st.shared.u8', 1),
  sharedStore('st.shared.u16', 2),
  sharedStore('st.shared.u32', 4),
  sharedStore('st.shared.f32', 4),
  sharedLoad('ld.shared.u8', 1, 1),
  sharedLoad('ld.shared.u16', 1, 2),
  sharedLoad('ld.shared.u32', 1, 4),
  sharedLoad('ld.shared.f32', 1, 4),
  sharedLoad('ld.shared.v2.u32', 2, 4),
  sharedLoad('ld.shared.v2.f32', 2, 4),
  sharedLoad('ld.shared.v4.f32', 4, 4),
  sharedAnd(),
  asyncCopy('cp-async-src-size', ['cp.async.commit_group', 'cp.async.wait_group 0']),
  asyncCopy('cp-async-wait-all', ['cp.async.wait_all']),
  asyncGroups(),
];
