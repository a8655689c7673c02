import { describe, expect, test } from 'vitest';
import { wgslFamilies } from '../../../compiler/families/index.ts';
import { tileOf } from '../../../compiler/families/linear/wgsl/tile-of.ts';
import { rankSchedules, surveySchedules } from '../../../compiler/schedule/rank-schedules.ts';
import { evaluate } from '../../../ir/formula.ts';
import type { LinearProblem, QuantizeProblem } from '../../../ir/problem.ts';
import type { SliceSplitSchedule } from '../../../ir/schedule.ts';
import { webgpu } from '../../../targets/webgpu.ts';

const { linear, quantize } = wgslFamilies;
/** Promised what the variant `base` asks for. */
const base = { ...webgpu, promised: webgpu.variants.find(({ name }) => name === 'base')! };

const problem: LinearProblem = {
  ...{ family: 'linear', target: 'webgpu', n: 130, k: 200, outliers: 24, dtype: 'f16', columns: 'compact' },
  ...{ weightBits: 4, activationBits: 4, epilogue: [] },
};
const rows: QuantizeProblem = {
  ...{
    family: 'quantize',
    target: 'webgpu',
    k: 200,
    outliers: 24,
    bits: 4,
    dtype: 'f16',
    columns: 'compact',
  },
  prologue: { op: 'none' },
};

describe('a linear', () => {
  test('covers y with workgroups, each tile once, whatever the schedule', () => {
    const m = 37;
    let legal = 0;
    const kinds = new Set<string>();
    const everything = { ...webgpu, promised: webgpu.variants.at(-1)! };
    for (const schedule of linear.enumerate(problem, webgpu)) {
      if (linear.reject(problem, schedule, everything) !== undefined) continue;
      kinds.add(schedule.kind);
      legal += 1;
      const [dispatch, ...more] = linear.contract({ family: 'linear', problem, schedule }).dispatches;
      const { grid, block } = dispatch!;
      expect(more.map(({ entryPoint }) => entryPoint)).toEqual(
        schedule.kind === 'slice-split' ? ['finish'] : [],
      );
      expect(evaluate(grid[2], m)).toBe(schedule.kind === 'slice-split' ? schedule.slices : 1);
      const [x, y] = [evaluate(grid[0], m), evaluate(grid[1], m)];
      const { channels, tokens, perThread } = tileOf(schedule);
      const perRow = schedule.kind === 'lane-split' ? schedule.lanes : 1;
      expect(4 * block[0] * block[1] * perThread).toBe(channels * tokens * perRow);
      expect(x * channels).toBeGreaterThanOrEqual(144); // 130 channels, padded to blocks of 16
      expect((x - 1) * channels).toBeLessThan(144);
      expect(y * tokens).toBeGreaterThanOrEqual(m);
      expect((y - 1) * tokens).toBeLessThan(m);
    }
    expect(legal).toBeGreaterThan(20);
    expect([...kinds]).toEqual(['register-tile', 'lane-split', 'slice-split', 'broadcast-tile']);
  });

  test.each([
    [640, 28_672, 32, 'slice-split'],
    [512, 28_672, 1, 'lane-split'],
    [4096, 11_008, 8, 'register-tile'],
  ] as const)('of %d channels over K = %d is at %d tokens a %s', (n, k, m, kind) => {
    const shape = { ...problem, n, k, outliers: 256, weightBits: 8, activationBits: 8 } as const;
    const { legal } = surveySchedules(linear, shape, base);
    const serving = legal.filter((schedule) => linear.servesRange(schedule, { from: 1, to: m }));
    const [best] = rankSchedules(linear, shape, serving, base, m, 1);
    expect(best?.schedule.kind).toBe(kind);
  });

  test('cuts K into slices for few tokens alone', () => {
    const slices: SliceSplitSchedule = {
      ...{ kind: 'slice-split', slices: 4, channelThreads: 32, tokens: 1 },
      ...{ dot: 'packed', halves: 'words' },
    };
    expect(linear.servesRange(slices, { from: 2, to: 8 })).toBe(true);
    expect(linear.servesRange(slices, { from: 33, to: 128 })).toBe(false);
    expect(linear.servesRange(slices, { from: 129 })).toBe(false);
    expect(linear.reject({ ...problem, k: 100 }, slices, base)?.kind).toBe('slices without K');
  });

  /** Microseconds of register tiles of one thread's work, so many threads along channels and along tokens. */
  const timeOf = (channelThreads: number, tokenThreads: number, n: number, m: number) =>
    linear.estimate(
      { ...problem, n, k: 4096 },
      {
        ...{ kind: 'register-tile', channelThreads, tokenThreads, tokensPerThread: 8 },
        ...{ dot: 'packed', halves: 'words' },
      },
      webgpu,
      m,
    );

  test('of tiles that do the same is modelled faster where it asks less of L2', () => {
    const sides = [[16, 16] as const, [8, 4] as const, [4, 8] as const, [2, 16] as const];
    const estimates = sides.map(([channels, tokens]) => timeOf(channels, tokens, 4096, 2048));
    const termsOf = (name: string) =>
      estimates.map((estimate) => estimate.terms().find((term) => term.name === name)!.microseconds);
    for (const name of ['arithmetic', 'loads', 'DRAM'])
      expect(new Set(termsOf(name).map((term) => term.toFixed(6))).size, name).toBe(1);
    const times = estimates.map(({ microseconds }) => microseconds);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    // 64 x 16 workgroups, each of 64 channels and 128 tokens: 64 segments of base codes, 2 of outliers.
    const bytes = 64 * 16 * (64 + 128) * (64 + 2) * 32;
    expect(termsOf('L2')[0]).toBeCloseTo(bytes / (webgpu.gpu.l2GBps * 1e3), 6);
  });

  test('is modelled slower where some cores have a workgroup more than others', () => {
    const [even, odd] = [16, 17].map((workgroups) => timeOf(64, 4, 256 * workgroups, 32).terms()[0]!);
    expect(odd!.microseconds / even!.microseconds).toBeCloseTo(3 / 2, 9);
  });

  test('binds at most 8 buffers, none of them empty', () => {
    for (const change of [
      {},
      { outliers: 0 },
      { outliers: 200 },
      { epilogue: [{ op: 'residual' }] as const },
    ]) {
      for (const schedule of linear.enumerate(problem, webgpu)) {
        const spec = { family: 'linear', problem: { ...problem, ...change }, schedule } as const;
        const { arguments: all, dispatches } = linear.contract(spec);
        const most = Math.max(...dispatches.map(({ buffers }) => buffers.length));
        expect(most).toBeLessThanOrEqual(webgpu.limits.storageBuffersPerStage);
        for (const buffer of all) {
          if (buffer.kind !== 'buffer') continue;
          expect(evaluate(buffer.bytes, 1)).toBeGreaterThan(0);
          const users = dispatches.filter(({ buffers }) =>
            buffers.some(({ argument }) => argument === buffer.name),
          );
          expect(users.length, buffer.name).toBe(buffer.name === 'workspace' ? 2 : 1);
        }
        const named = linear.describeResources(spec, webgpu);
        expect(named).toMatchObject({ dialect: 'wgsl', storageBuffers: most });
      }
    }
  });

  test.each([
    [{ n: 131 }, 'N = 132, padded'],
    [{ weightBits: 4, activationBits: 8 } as const, 'w8a8'],
    [{ k: 2 ** 17 }, 'a smaller K, or shards along K'],
    [{ n: 524_288, k: 8320 }, 'shards along N, each a linear of its own'],
    [{ n: 2 ** 20 + 2, k: 16, outliers: 0 }, 'shards along N, each a linear of its own'],
  ])('of %o is refused, with the nearest', (change, nearest) => {
    expect(linear.supports({ ...problem, ...change }, webgpu)).toMatchObject({ supported: false, nearest });
  });
});

describe('a quantize', () => {
  test('goes on in y where x has no more workgroups', () => {
    const spec = {
      family: 'quantize',
      problem: rows,
      schedule: { kind: 'workgroup-row', threads: 64, reduce: 'workgroup' },
    } as const;
    const { grid } = quantize.contract(spec).dispatches[0]!;
    expect(grid.map((extent) => evaluate(extent, 65_536))).toEqual([65_535, 2, 1]);
    expect(grid.map((extent) => evaluate(extent, 3))).toEqual([3, 1, 1]);
  });

  test('takes every row that its workgroup memory has words for, and no odd one', () => {
    const refused = quantize.supports({ ...rows, k: 100_000 }, webgpu);
    const nearest = Number(/K up to (\d+)/.exec('nearest' in refused ? (refused.nearest ?? '') : '')?.[1]);
    expect(quantize.supports({ ...rows, k: nearest }, webgpu)).toEqual({ supported: true });
    expect(quantize.supports({ ...rows, k: nearest + 64 }, webgpu)).toMatchObject({ supported: false });
    expect(quantize.supports({ ...rows, k: 201 }, webgpu)).toMatchObject({ nearest: 'K = 202, padded' });
  });
});
