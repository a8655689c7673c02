import { describe, expect, it } from 'vitest';
import type { BufferSpec } from '../../../compiler/executor/index.ts';
import { type KernelRun, runKernel } from './lane-harness.ts';

const TILE = '.shared .align 16 .b8 tile[4096];';
const input: BufferSpec = { name: 'x', bytes: 4096, access: 'input', fill: (_, into) => into.fill(7) };
const output: BufferSpec = { name: 'y', bytes: 4096, access: 'output' };
const zeros = (name: string, bytes: number): BufferSpec => ({
  name,
  bytes,
  access: 'workspace',
  fill: () => undefined,
});

/** %r4: own word of the tile; %r5: the neighbour's (tid + 1 mod 64); %r6: the word half the CTA away. */
const ADDRESSES = `mov.u32 %r3, tile; add.s32 %r4, %r3, %r2; add.s32 %r7, %r2, 4; and.b32 %r7, %r7, 255; add.s32 %r5, %r3, %r7;
  xor.b32 %r8, %r2, 128; add.s32 %r6, %r3, %r8; mul.wide.u32 %rd10, %r0, 4; add.s64 %rd11, %rd1, %rd10;`;
/** %r10: own 16 bytes of the tile; %rd12: own 16 bytes of x. */
const CHUNKS = `shl.b32 %r9, %r0, 4; add.s32 %r10, %r3, %r9; cvt.u64.u32 %rd13, %r9; add.s64 %rd12, %rd0, %rd13;`;
const COPY = 'cp.async.cg.shared.global [%r10], [%rd12], 16; cp.async.commit_group;';

const buffers = [input, output];
const shared = (body: string): KernelRun => ({
  body: ADDRESSES + CHUNKS + body,
  buffers,
  declarations: TILE,
});

/** The 64 threads fill the first 32 words, two to a word. */
const HALVES =
  'cvt.u16.u32 %h1, %r0; shl.b32 %r15, %r0, 1; add.s32 %r15, %r3, %r15; st.shared.u16 [%r15], %h1;';

interface Case {
  readonly name: string;
  readonly kind: string;
  readonly wrong: KernelRun;
  readonly right: KernelRun;
}

const write = 'st.shared.u32 [%r4], %r0;';
const readOwn = 'ld.shared.u32 %r20, [%r4]; st.global.u32 [%rd11], %r20;';
const readFar = 'ld.shared.u32 %r20, [%r6]; st.global.u32 [%rd11], %r20;';
const readOwn16 = 'ld.shared.v4.u32 {%r20,%r21,%r22,%r23}, [%r10]; st.global.u32 [%rd11], %r20;';
/** Every warp reads its own 32 words rotated by one lane, written by the warp itself. */
const rotate = `shr.u32 %r11, %r0, 5; shl.b32 %r11, %r11, 7; add.s32 %r12, %r2, 4; and.b32 %r12, %r12, 127; add.s32 %r13, %r11, %r12;
  add.s32 %r13, %r3, %r13; ld.shared.u32 %r20, [%r13]; st.global.u32 [%rd11], %r20;`;

const splitK = (fenceBefore: string, fenceAfter: string, between = 'bar.sync 0;'): KernelRun => ({
  buffers: [zeros('ws', 256), zeros('counter', 4), output],
  grid: 4,
  block: 64,
  declarations: '.shared .align 4 .u32 last;',
  body: `mul.wide.u32 %rd10, %r0, 4; add.s64 %rd11, %rd0, %rd10; add.s64 %rd12, %rd2, %rd10;
    red.global.add.u32 [%rd11], %r0; ${fenceBefore} ${between}
    setp.ne.s32 %p1, %r0, 0; @%p1 bra JOIN;
    atom.global.add.u32 %r5, [%rd1], 1; st.shared.u32 [last], %r5;
    JOIN: bar.sync 0; ld.shared.u32 %r6, [last]; setp.ne.s32 %p2, %r6, 3; @%p2 bra END;
    ${fenceAfter}
    ld.global.u32 %r7, [%rd11]; st.global.u32 [%rd12], %r7; mov.u32 %r8, 0; st.global.u32 [%rd11], %r8;
    @%p1 bra END; st.global.u32 [%rd1], %r8;
    END:`,
});

/** One thread of each of two CTAs: write own word, FENCE, count up; the last one FENCEs and reads the other's word. */
const message = (before: string, after: string): KernelRun => ({
  buffers: [zeros('ws', 8), zeros('counter', 4), output],
  grid: 2,
  block: 32,
  body: `setp.ne.s32 %p1, %r0, 0; @%p1 bra END; mul.wide.u32 %rd10, %r1, 4; add.s64 %rd11, %rd0, %rd10;
    st.global.u32 [%rd11], %r1; ${before} atom.global.add.u32 %r5, [%rd1], 1; setp.eq.s32 %p2, %r5, 0; @%p2 bra END;
    ${after} xor.b32 %r6, %r1, 1; mul.wide.u32 %rd12, %r6, 4; add.s64 %rd13, %rd0, %rd12; ld.global.u32 %r7, [%rd13];
    st.global.u32 [%rd2], %r7; END:`,
});

const CASES: readonly Case[] = [
  {
    name: "missing barrier before a read of another warp's data",
    kind: 'race',
    wrong: shared(write + readFar),
    right: shared(`${write} bar.sync 0; ${readFar}`),
  },
  {
    name: 'missing barrier after the reads (ring overwrite)',
    kind: 'race',
    wrong: shared(`${write} bar.sync 0; ${readFar} ${write}`),
    right: shared(`${write} bar.sync 0; ${readFar} bar.sync 0; ${write}`),
  },
  {
    name: 'two threads write one word',
    kind: 'race',
    wrong: shared('st.shared.u32 [tile], %r0;'),
    right: shared('setp.eq.s32 %p1, %r0, 5; @%p1 st.shared.u32 [tile], %r0;'),
  },
  {
    name: 'missing __syncwarp between lanes of one warp',
    kind: 'race',
    wrong: shared(write + rotate),
    right: shared(`${write} bar.warp.sync -1; ${rotate}`),
  },
  {
    name: 'a shuffle does not order memory',
    kind: 'race',
    wrong: shared(`${write} shfl.sync.bfly.b32 %r30, %r0, 1, 31, -1; ${rotate}`),
    right: shared(`${write} shfl.sync.bfly.b32 %r30, %r0, 1, 31, -1; bar.warp.sync -1; ${rotate}`),
  },
  {
    name: "write after another lane's read in one warp",
    kind: 'race',
    wrong: shared(`${write} bar.sync 0; ${rotate} ${write}`),
    right: shared(`${write} bar.sync 0; ${rotate} bar.warp.sync -1; ${write}`),
  },
  {
    name: 'a later read does not hide an earlier one by another lane, unless it comes after it',
    kind: 'race',
    wrong: shared(`${write} bar.sync 0; ${rotate} ${readOwn} ${write}`),
    right: shared(`${write} bar.sync 0; ${rotate} bar.warp.sync -1; ${readOwn} ${write}`),
  },
  {
    name: 'bar.warp.sync does not order other warps',
    kind: 'race',
    wrong: shared(`${write} bar.warp.sync -1; ${readFar}`),
    right: shared(`${write} bar.warp.sync -1; bar.sync 0; ${readFar}`),
  },
  {
    name: 'halves of a word by two threads do not race, the same half does',
    kind: 'race',
    wrong: shared(
      `cvt.u16.u32 %h1, %r0; shr.u32 %r15, %r2, 2; and.b32 %r15, %r15, 62; add.s32 %r15, %r3, %r15; st.shared.u16 [%r15], %h1;`,
    ),
    right: shared(
      `cvt.u16.u32 %h1, %r0; shl.b32 %r15, %r0, 1; add.s32 %r15, %r3, %r15; st.shared.u16 [%r15], %h1; ld.shared.u16 %h2, [%r15];
       st.shared.u16 [%r15], %h2; bar.sync 0; ld.shared.u32 %r16, [tile+8]; st.global.u32 [%rd11], %r16;`,
    ),
  },
  {
    name: 'cp.async read before it is waited for',
    kind: 'in-flight-copy',
    wrong: shared(`${COPY} ${readOwn16}`),
    right: shared(`${COPY} cp.async.wait_group 0; ${readOwn16}`),
  },
  {
    name: 'a wait that leaves one group too many',
    kind: 'in-flight-copy',
    wrong: shared(`${COPY} cp.async.wait_group 1; ${readOwn16}`),
    right: shared(`${COPY} cp.async.commit_group; cp.async.wait_group 1; ${readOwn16}`),
  },
  {
    name: 'cp.async overwritten while in flight',
    kind: 'in-flight-copy',
    wrong: shared(`${COPY} st.shared.u32 [%r10], %r0;`),
    right: shared(`${COPY} cp.async.wait_all; st.shared.u32 [%r10], %r0;`),
  },
  {
    name: 'cp.async waited for, but read by another warp without a barrier',
    kind: 'race',
    wrong: shared(`${COPY} cp.async.wait_group 0; ${readFar}`),
    right: shared(`${COPY} cp.async.wait_group 0; bar.sync 0; ${readFar}`),
  },
  {
    name: 'cp.async into a stage others still read',
    kind: 'race',
    wrong: shared(
      `${write} bar.sync 0; ${readFar} setp.lt.s32 %p1, %r0, 16; @%p1 cp.async.ca.shared.global [%r10], [%rd12], 16;`,
    ),
    right: shared(
      `${write} bar.sync 0; ${readFar} bar.sync 0; setp.lt.s32 %p1, %r0, 16; @%p1 cp.async.ca.shared.global [%r10], [%rd12], 16;`,
    ),
  },
  {
    name: 'shared memory read before anyone wrote it',
    kind: 'uninitialised-shared',
    wrong: shared(readOwn16),
    right: shared(`st.shared.v4.u32 [%r10], {%r0, %r0, %r0, %r0}; ${readOwn16}`),
  },
  {
    name: 'global memory read before anyone wrote it',
    kind: 'uninitialised-global',
    wrong: shared('ld.global.u32 %r20, [%rd11];'),
    right: shared('st.global.u32 [%rd11], %r0; ld.global.u32 %r20, [%rd11];'),
  },
  {
    name: 'a register that one path leaves unset',
    kind: 'uninitialised-register',
    wrong: shared('setp.lt.s32 %p1, %r0, 40; @%p1 bra L; mov.u32 %r20, 5; L: st.global.u32 [%rd11], %r20;'),
    right: shared(
      'setp.lt.s32 %p1, %r0, 40; @%p1 mov.u32 %r20, 4; @!%p1 mov.u32 %r20, 5; st.global.u32 [%rd11], %r20;',
    ),
  },
  {
    name: 'a register set under a guard and read without it',
    kind: 'uninitialised-register',
    wrong: shared('setp.lt.s32 %p1, %r0, 40; @%p1 mov.u32 %r20, 4; st.global.u32 [%rd11], %r20;'),
    right: shared('setp.lt.s32 %p1, %r0, 40; @%p1 mov.u32 %r20, 4; @%p1 st.global.u32 [%rd11], %r20;'),
  },
  {
    name: 'an unset register in arithmetic under a guard',
    kind: 'uninitialised-register',
    wrong: shared('setp.lt.s32 %p1, %r0, 40; @%p1 add.s32 %r20, %r21, 1;'),
    right: shared('setp.lt.s32 %p1, %r0, 40; @!%p1 mov.u32 %r21, 1; @!%p1 add.s32 %r20, %r21, 1;'),
  },
  {
    name: 'one past the end of a buffer',
    kind: 'out-of-bounds',
    wrong: shared('st.global.u32 [%rd11+3844], %r0;'),
    right: shared('st.global.u32 [%rd11+3840], %r0;'),
  },
  {
    name: 'before the start of a buffer',
    kind: 'out-of-bounds',
    wrong: shared('ld.global.u32 %r20, [%rd0+-4];'),
    right: shared('ld.global.u32 %r20, [%rd0+4];'),
  },
  {
    name: 'outside shared memory',
    kind: 'out-of-bounds',
    wrong: shared('st.shared.u32 [%r4+3844], %r0;'),
    right: shared('st.shared.u32 [%r4+3840], %r0;'),
  },
  {
    name: 'a misaligned vector',
    kind: 'misaligned',
    wrong: shared('st.shared.v2.u32 [%r10+4], {%r0, %r0};'),
    right: shared('st.shared.v2.u32 [%r10+8], {%r0, %r0};'),
  },
  {
    name: 'a store to an input',
    kind: 'read-only-write',
    wrong: shared('st.global.u32 [%rd12], %r0;'),
    right: shared('st.global.u32 [%rd11], %r0;'),
  },
  {
    name: 'a barrier under a divergent condition',
    kind: 'divergent-barrier',
    wrong: shared('setp.lt.s32 %p1, %r0, 16; @%p1 bra L; bar.sync 0; L:'),
    right: shared('setp.lt.s32 %p1, %r0, 16; @%p1 bra L; mov.u32 %r20, 0; L: bar.sync 0;'),
  },
  {
    name: 'a barrier that one warp never reaches',
    kind: 'deadlock',
    wrong: shared('setp.lt.s32 %p1, %r0, 32; @%p1 bra L; bar.sync 0; L:'),
    right: shared('setp.lt.s32 %p1, %r0, 32; @%p1 bra L; bar.sync 1, 32; L:'),
  },
  {
    name: 'named barriers: a producer that arrives too late',
    kind: 'race',
    wrong: shared(
      `setp.lt.s32 %p1, %r0, 32; @%p1 bra P; bar.sync 1, 64; ${readFar} bra.uni E; P: bar.arrive 1, 64; ${write} E:`,
    ),
    right: shared(
      `setp.lt.s32 %p1, %r0, 32; @%p1 bra P; bar.sync 1, 64; ${readFar} bra.uni E; P: ${write} bar.arrive 1, 64; E:`,
    ),
  },
  {
    name: 'an aligned instruction under a partial mask',
    kind: 'partial-mask',
    wrong: shared('setp.lt.s32 %p1, %r0, 16; @%p1 movmatrix.sync.aligned.m8n8.trans.b16 %r20, %r0;'),
    right: shared('movmatrix.sync.aligned.m8n8.trans.b16 %r20, %r0;'),
  },
  {
    name: 'an aligned instruction after some lanes have left',
    kind: 'partial-mask',
    wrong: shared('setp.eq.s32 %p1, %r0, 40; @%p1 exit; movmatrix.sync.aligned.m8n8.trans.b16 %r20, %r0;'),
    right: shared('setp.lt.s32 %p1, %r0, 32; @%p1 exit; movmatrix.sync.aligned.m8n8.trans.b16 %r20, %r0;'),
  },
  {
    name: 'a shuffle from a lane that is not there',
    kind: 'partial-mask',
    wrong: shared('setp.lt.s32 %p1, %r0, 16; @%p1 shfl.sync.bfly.b32 %r20, %r0, 1, 31, -1;'),
    right: shared(
      'and.b32 %r30, %r0, 31; setp.lt.s32 %p1, %r30, 16; @%p1 shfl.sync.bfly.b32 %r20, %r0, 1, 31, 0xffff;',
    ),
  },
  {
    name: 'a loop that never ends',
    kind: 'step-limit',
    wrong: { ...shared('L: add.s32 %r0, %r0, 1; bra.uni L;'), options: { stepLimit: 10_000 } },
    right: {
      ...shared('L: add.s32 %r0, %r0, 1; setp.lt.s32 %p1, %r0, 90; @%p1 bra L;'),
      options: { stepLimit: 10_000 },
    },
  },
  {
    name: 'two CTAs write one word',
    kind: 'race',
    wrong: { ...shared('st.global.u32 [%rd11], %r0;'), grid: 2 },
    right: {
      ...shared(
        'shl.b32 %r20, %r1, 8; cvt.u64.u32 %rd14, %r20; add.s64 %rd14, %rd11, %rd14; st.global.u32 [%rd14], %r0;',
      ),
      grid: 2,
    },
  },
  {
    name: 'an atomic and a plain store to one word',
    kind: 'race',
    wrong: shared(
      'st.shared.u32 [tile], %r0; bar.sync 0; setp.eq.s32 %p1, %r0, 40; @!%p1 red.shared.add.u32 [tile], 1; @%p1 st.shared.u32 [tile], 0;'.replace(
        'st.shared.u32 [tile], %r0;',
        'setp.eq.s32 %p2, %r0, 0; @%p2 st.shared.u32 [tile], %r0;',
      ),
    ),
    right: shared(
      'setp.eq.s32 %p2, %r0, 0; @%p2 st.shared.u32 [tile], %r0; bar.sync 0; red.shared.add.u32 [tile], 1; bar.sync 0; @%p2 st.shared.u32 [tile], 0;',
    ),
  },
  {
    name: 'atomics of CTA scope across CTAs',
    kind: 'race',
    wrong: { body: 'red.relaxed.cta.global.add.u32 [%rd0], 1;', buffers: [zeros('ws', 4)], grid: 2 },
    right: { body: 'red.relaxed.gpu.global.add.u32 [%rd0], 1;', buffers: [zeros('ws', 4)], grid: 2 },
  },
  {
    name: "split-K without the producer's fence",
    kind: 'race',
    wrong: splitK('', 'membar.gl;'),
    right: splitK('membar.gl;', 'membar.gl;'),
  },
  {
    name: "split-K without the consumer's fence",
    kind: 'race',
    wrong: splitK('membar.gl;', ''),
    right: splitK('fence.sc.gpu;', 'fence.sc.gpu;'),
  },
  {
    name: 'split-K with acq_rel fences: they do not reach through the barrier',
    kind: 'race',
    wrong: splitK('fence.acq_rel.gpu;', 'fence.acq_rel.gpu;'),
    right: splitK('', 'membar.gl;', 'membar.gl; bar.sync 0; membar.gl;'),
  },
  {
    name: "split-K with acq_rel fences on the producer's side only",
    kind: 'race',
    wrong: splitK('fence.acq_rel.gpu;', 'membar.gl;'),
    right: splitK('', 'membar.gl;', 'bar.sync 0; membar.gl;'),
  },
  {
    name: "split-K with acq_rel fences on the consumer's side only",
    kind: 'race',
    wrong: splitK('membar.gl;', 'fence.acq_rel.gpu;'),
    right: splitK('membar.gl;', 'fence.sc.sys;'),
  },
  {
    name: 'split-K whose fences reach the CTA only',
    kind: 'race',
    wrong: splitK('membar.cta;', 'membar.cta;'),
    right: splitK('membar.sys;', 'membar.sys;'),
  },
  {
    name: 'split-K with a warp barrier before the counter',
    kind: 'race',
    wrong: splitK('membar.gl;', 'membar.gl;', 'bar.warp.sync -1;'),
    right: splitK('membar.gl;', 'membar.gl;', 'bar.sync 1, 64;'),
  },
  {
    name: 'a message between CTAs behind a fence of CTA scope',
    kind: 'race',
    wrong: message('membar.cta;', 'membar.gl;'),
    right: message('membar.gl;', 'membar.gl;'),
  },
  {
    name: 'a message between CTAs taken up behind a fence of CTA scope',
    kind: 'race',
    wrong: message('fence.acq_rel.gpu;', 'fence.acq_rel.cta;'),
    right: message('fence.acq_rel.gpu;', 'fence.acq_rel.gpu;'),
  },
  {
    name: 'split-K by one warp: bar.warp.sync carries its fences to lane 0',
    kind: 'race',
    wrong: { ...splitK('membar.gl;', 'membar.gl;', ''), block: 32 },
    right: { ...splitK('membar.gl;', 'membar.gl;', 'bar.warp.sync -1;'), block: 32 },
  },
  {
    name: 'halves, then whole words, then halves again',
    kind: 'race',
    wrong: shared(`${HALVES} bar.sync 0; ${write} bar.sync 0; ${write} ld.shared.u16 %h2, [%r6];`),
    right: shared(
      `${HALVES} bar.sync 0; ${write} bar.sync 0; ${write} bar.sync 0; ld.shared.u16 %h2, [%r6];`,
    ),
  },
  {
    name: 'split-K without the barrier before the counter',
    kind: 'race',
    wrong: splitK('membar.gl;', 'membar.gl;', ''),
    right: splitK('membar.gl;', 'membar.gl;'),
  },
  {
    name: 'split-K that forgets the fence: flag passed by release and acquire instead',
    kind: 'race',
    wrong: {
      ...splitK('', ''),
      body: splitK('', '').body.replace('atom.global', 'atom.acquire.gpu.global'),
    },
    right: {
      ...splitK('', ''),
      body: splitK('', '').body.replace('atom.global', 'atom.acq_rel.gpu.global'),
    },
  },
];

describe('faults are found, and their correct twins are not', () => {
  for (const { name, kind, wrong, right } of CASES) {
    it(name, () => {
      for (const seed of [1, 2, 3]) {
        const bad = runKernel({ ...wrong, options: { ...wrong.options, seed } });
        expect(bad.kinds).toContain(kind);
        const good = runKernel({ ...right, options: { ...right.options, seed } });
        expect(good.report.violations).toEqual([]);
      }
    });
  }
});

describe('reports', () => {
  it('name line, thread, block, buffer and offset, and count repeats', () => {
    const { report } = runKernel({ ...shared('st.global.u32 [%rd11+3844], %r0;'), grid: 1 });
    expect(report.violations).toHaveLength(1);
    expect(report.violations[0]).toMatchObject({
      kind: 'out-of-bounds',
      spelling: 'st.global.u32',
      message: '4 bytes at y[4096]; it has 4096',
      block: [0, 0, 0],
      thread: 63,
      count: 1,
    });
  });
  it('hold for CTAs of any index, beyond 2^22 as well', () => {
    const far = { grid: 8_000_000, options: { ctas: [7_999_998, 7_999_999] } };
    expect(
      runKernel({ ...shared(`${write} bar.sync 0; ld.shared.u32 %r20, [%r6];`), ...far }).report.violations,
    ).toEqual([]);
    const { report } = runKernel({ body: 'st.global.u32 [%rd0], %r0;', buffers: [zeros('ws', 4)], ...far });
    const across = report.violations.filter(({ message }) =>
      /against thread \d+ of CTA 799999[89]$/.test(message),
    );
    expect(across.length).toBeGreaterThan(0);
  });
  it('are the same for the same seed', () => {
    const run = () => runKernel({ ...splitK('membar.gl;', ''), options: { seed: 9 } }).report;
    expect(run()).toEqual(run());
  });
  it('can be had without checks: numbers only', () => {
    const { report } = runKernel({ ...shared(write + readFar), options: { checks: false } });
    expect(report.violations).toEqual([]);
  });
  it('count 16-byte accesses by quarter warps: no sharing between them, none lost within', () => {
    const { report } = runKernel(
      shared(`st.shared.v4.u32 [%r10], {%r0,%r0,%r0,%r0}; bar.sync 0; and.b32 %r20, %r9, 112; add.s32 %r20, %r3, %r20;
        ld.shared.v4.u32 {%r21,%r22,%r23,%r24}, [%r20];`),
    );
    const load = report.instructions.find(({ spelling }) => spelling === 'ld.shared.v4.u32')!;
    expect(load).toMatchObject({ executed: 2, wavefronts: 8, idealWavefronts: 8 });
  });
  it('count conflicts, sectors and bytes', () => {
    const { report } = runKernel(
      shared(`shl.b32 %r20, %r0, 6; and.b32 %r20, %r20, 2047; add.s32 %r20, %r3, %r20; setp.lt.s32 %p1, %r0, 32;
        @%p1 st.shared.u32 [%r20], %r0; ld.global.v4.u32 {%r21,%r22,%r23,%r24}, [%rd12]; st.global.u32 [%rd11], %r0;`),
    );
    const of = (spelling: string) => report.instructions.find((at) => at.spelling === spelling)!;
    expect(of('st.shared.u32')).toMatchObject({
      executed: 2,
      wavefronts: 16,
      idealWavefronts: 1,
      bytes: 128,
    });
    expect(of('ld.global.v4.u32')).toMatchObject({ sectors: 32, idealSectors: 32, bytes: 1024 });
    expect(of('st.global.u32')).toMatchObject({ sectors: 8, idealSectors: 8, bytes: 256 });
  });
});
