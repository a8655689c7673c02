import { describe, expect, it } from 'vitest';
import { runKernel, runLanes } from './lane-harness.ts';

const lanes = Int32Array.from({ length: 32 }, (_, l) => l * 10);
const list = (outputs: readonly Int32Array[], i = 0) => Array.from(outputs[i]!);

describe('shfl, vote, redux', () => {
  it('shfl.sync in its four modes, with the in-range predicate', () => {
    const body = `shfl.sync.bfly.b32 %d0, %a0, 5, 31, -1; shfl.sync.idx.b32 %d1, %a0, 3, 31, -1;
      shfl.sync.up.b32 %d2|%p1, %a0, 2, 0, -1; shfl.sync.down.b32 %d3, %a0, 4, 31, -1; selp.b32 %d4, 1, 0, %p1;
      shfl.sync.down.b32 %d5, %a0, 1, 0x181f, -1;`;
    const { outputs, report } = runLanes(body, [lanes], 6);
    expect(report.violations).toEqual([]);
    const each = (f: (l: number) => number) => Array.from({ length: 32 }, (_, l) => f(l));
    expect(list(outputs, 0)).toEqual(each((l) => (l ^ 5) * 10));
    expect(list(outputs, 1)).toEqual(each(() => 30));
    expect(list(outputs, 2)).toEqual(each((l) => (l < 2 ? l : l - 2) * 10));
    expect(list(outputs, 3)).toEqual(each((l) => (l > 27 ? l : l + 4) * 10));
    expect(list(outputs, 4)).toEqual(each((l) => (l < 2 ? 0 : 1)));
    expect(list(outputs, 5)).toEqual(each((l) => ((l & 7) === 7 ? l : l + 1) * 10));
  });
  it('vote, activemask, redux', () => {
    const body = `setp.gt.s32 %p1, %a0, 100; vote.sync.ballot.b32 %d0, %p1, -1; vote.sync.any.pred %p2, %p1, -1;
      vote.sync.all.pred %p3, %p1, -1; selp.b32 %d1, 1, 0, %p2; selp.b32 %d2, 1, 0, %p3; activemask.b32 %d3;
      redux.sync.add.s32 %d4, %a0, -1; redux.sync.max.u32 %d5, %a0, -1; redux.sync.min.s32 %d6, %a0, -1;`;
    const { outputs } = runLanes(body, [lanes], 7);
    const first = outputs.map((output) => output[0]);
    expect(first).toEqual([-1 << 11, 1, 0, -1, 4960, 310, 0]);
  });
  it('lanes diverge, loop a different number of times, and meet again', () => {
    const body = `and.b32 %r1, %r63, 7; mov.u32 %d0, 0;
      LOOP: setp.eq.s32 %p1, %r1, 0; @%p1 bra DONE; add.s32 %d0, %d0, %r1; sub.s32 %r1, %r1, 1; bra.uni LOOP;
      DONE: shfl.sync.idx.b32 %d1, %d0, 7, 31, -1;`;
    const { outputs, report } = runLanes(body, [lanes], 2);
    expect(report.violations).toEqual([]);
    expect(list(outputs)).toEqual(Array.from({ length: 32 }, (_, l) => ((l & 7) * ((l & 7) + 1)) / 2));
    expect(list(outputs, 1)).toEqual(new Array(32).fill(28));
  });
});

describe('memory of all widths', () => {
  it('bytes, halves, words, pairs, quads, 64 bits through shared memory', () => {
    const body = `mov.u32 %r1, tile; shl.b32 %r2, %r63, 4; add.s32 %r1, %r1, %r2; cvt.u16.u32 %h1, %a0;
      st.shared.v4.b32 [%r1], {%a0, %a1, %a0, %a1}; st.shared.u8 [%r1+1], %h1; st.shared.u16 [%r1+6], %h1;
      mov.b64 %rd1, {%a1, %a0}; st.shared.u64 [%r1+8], %rd1;
      ld.shared.u8 %d0, [%r1+1]; ld.shared.s8 %d1, [%r1]; ld.shared.u16 %h2, [%r1+6]; cvt.u32.u16 %d2, %h2;
      ld.shared.v2.b32 {%d3, %d4}, [%r1+8]; ld.shared.b64 %rd2, [%r1+8]; mov.b64 {%d5, %d6}, %rd2; ld.shared.b32 %d7, [%r1+4];`;
    const a = Int32Array.from({ length: 32 }, (_, l) => 0x11223380 + l);
    const b = Int32Array.from({ length: 32 }, (_, l) => -l);
    const { outputs, report } = runLanes(body, [a, b], 8, '.shared .align 16 .b8 tile[512];');
    expect(report.violations).toEqual([]);
    const l = 5;
    const low = a[l]! & 0xff;
    const at5 = outputs.map((output) => output[l]! | 0);
    expect(at5).toEqual([
      low,
      (low << 24) >> 24,
      a[l]! & 0xffff,
      b[l],
      a[l],
      b[l],
      a[l],
      (b[l]! & 0xffff) | (a[l]! << 16),
    ]);
  });
  it('cp.async copies when waited for, with zero fill', () => {
    const data = new Uint8Array(1024).map((_, i) => i + 1);
    const { memory, report } = runKernel({
      buffers: [
        { name: 'in', bytes: 1024, access: 'input', data },
        { name: 'out', bytes: 1024, access: 'output' },
      ],
      block: 64,
      declarations: '.shared .align 16 .b8 tile[1024];',
      body: `mov.u32 %r3, tile; shl.b32 %r4, %r0, 4; add.s32 %r5, %r3, %r4; cvt.u64.u32 %rd2, %r4; add.s64 %rd3, %rd0, %rd2;
        and.b32 %r6, %r0, 15; cp.async.cg.shared.global.L2::128B [%r5], [%rd3], 16, %r6; cp.async.commit_group;
        cp.async.wait_group 0; ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [%r5]; add.s64 %rd4, %rd1, %rd2;
        st.global.v4.u32 [%rd4], {%r7, %r8, %r9, %r10};`,
    });
    expect(report.violations).toEqual([]);
    const out = memory.get('out').read(0, 1024);
    expect(Array.from(out)).toEqual(Array.from(data, (x, i) => ((i & 15) < ((i >> 4) & 15) ? x : 0)));
  });
  it('atomics return the old value and act on the new one', () => {
    const run = (operation: string, start: number, operand: string) => {
      const data = new Uint8Array(Int32Array.of(start).buffer);
      const { memory, report } = runKernel({
        buffers: [{ name: 'x', bytes: 4, access: 'workspace', data }],
        body: `${operation.replace('D', '%r5').replace('A', '[%rd0]').replace('X', operand)}`,
      });
      expect(report.violations).toEqual([]);
      return new Int32Array(memory.get('x').read(0, 4).buffer)[0];
    };
    expect(run('atom.global.add.u32 D, A, X;', 7, '2')).toBe(135);
    expect(run('red.relaxed.gpu.global.add.s32 A, X;', 7, '%r0')).toBe(7 + (63 * 64) / 2);
    expect(run('atom.global.max.s32 D, A, X;', -5, '%r0')).toBe(63);
    expect(run('atom.global.min.u32 D, A, X;', 40, '%r0')).toBe(0);
    expect(run('atom.global.inc.u32 D, A, X;', 0, '9')).toBe(4);
    expect(run('atom.global.cas.b32 D, A, X;', 7, '7, 9')).toBe(9);
    expect(run('atom.acq_rel.gpu.global.exch.b32 D, A, X;', 7, '3')).toBe(3);
    expect(run('red.global.add.f32 A, X;', 0, '0f3F800000')).toBe(0x42800000);
    expect(run('atom.global.or.b32 D, A, X;', 1, '6')).toBe(7);
  });
});
