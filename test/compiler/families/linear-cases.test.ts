import { describe, expect, it } from 'vitest';
import type { CtaIndex } from '../../../compiler/families/family.ts';
import { linearContract } from '../../../compiler/families/linear/cuda/contract.ts';
import { outputRegion } from '../../../compiler/families/linear/cuda/cover.ts';
import { linear } from '../../../compiler/families/linear/cuda/index.ts';
import { executedMma } from '../../../compiler/families/linear/cuda/mma-counts.ts';
import { evaluate } from '../../../ir/formula.ts';
import type { SpecOf } from '../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../ir/problem.ts';
import { runStandIn } from './linear-stand-in.ts';

const problem: LinearProblem = {
  family: 'linear',
  target: 'sm80',
  n: 104,
  k: 200,
  outliers: 24,
  weightBits: 4,
  activationBits: 4,
  dtype: 'f16',
  columns: 'compact',
  epilogue: [{ op: 'residual' }],
};
const tiled = (over: Partial<LinearProblem> = {}): SpecOf<'linear', 'cuda'> => ({
  family: 'linear',
  problem: { ...problem, ...over },
  schedule: {
    kind: 'tiled',
    tileN: 64,
    tileM: 32,
    tileKBytes: 64,
    warpsN: 2,
    warpsM: 2,
    stages: 3,
    ctasPerSm: 1,
  },
});
const m = 29;
const one: CtaIndex[] = [[0, 1, 0]];

describe('linearCases', () => {
  it.each([
    ['4 bit compact', tiled()],
    ['8 bit compact', tiled({ weightBits: 8, activationBits: 8 })],
    ['4 bit in-place', tiled({ columns: 'in-place' })],
    ['8 bit in-place, bf16', tiled({ weightBits: 8, activationBits: 8, columns: 'in-place', dtype: 'bf16' })],
    ['no outliers, no residual, odd N', tiled({ outliers: 0, epilogue: [], n: 101 })],
    ['all outliers', tiled({ outliers: 200 })],
  ])('passes an FP32 stand-in reading the packed buffers: %s', (_, spec) => {
    for (const test of linear.cases(spec, m, 3)) {
      for (const order of [0, 1]) {
        const result = test.compare(runStandIn(spec, test, {}, order), one);
        expect(result.notes.filter((note) => !note.includes('bit for bit'))).toEqual([]);
        expect(result.failures).toBe(0);
        expect(result.elements).toBe(m * (spec.problem.n - 64));
        expect(result.worst).toBeLessThanOrEqual(1);
      }
    }
  });

  it('compares most of the integer dataset bit for bit', () => {
    for (const over of [{}, { weightBits: 8, activationBits: 8 } as const]) {
      const spec = tiled(over);
      const test = linear.cases(spec, m, 3)[0]!;
      const note = test
        .compare(runStandIn(spec, test), one)
        .notes.find((text) => text.includes('bit for bit'));
      expect(Number(note?.split(' ')[0])).toBeGreaterThan(0.8 * m * 40);
    }
  });

  it('matches the contract, buffer by buffer', () => {
    const splitK: SpecOf<'linear', 'cuda'> = {
      family: 'linear',
      problem,
      schedule: { kind: 'split-k', tileN: 64, tileM: 16, warps: 4, slices: 3, ctasPerSm: 1 },
    };
    for (const spec of [tiled(), tiled({ weightBits: 8, activationBits: 8 }), splitK]) {
      const expected = linearContract(spec)
        .arguments.filter((argument) => argument.kind === 'buffer')
        .map((argument) => [argument.name, evaluate(argument.bytes, m)]);
      for (const test of linear.cases(spec, m, 3)) {
        expect(test.buffers.map(({ argument, bytes }) => [argument, bytes])).toEqual(expected);
      }
    }
  });

  const spec = tiled();
  it.each([
    ['a dropped code', { dropCode: 100 }, /accumulator of/],
    ['a missing zero-point term', { dropZeroPoint: true }, /zero-point term is missing/],
    ['a missing bias', { dropBias: true }, /bias is missing/],
    ['a missing residual', { dropResidual: true }, /residual is missing/],
    ['missing outliers', { dropOutliersFrom: 0 }, /outlier part is missing/],
    ['a dropped outlier tail', { dropOutliersFrom: 16 }, /./],
    ['the next row’s meta', { shiftRowMeta: true }, /./],
    [
      'an accumulator off by one',
      { accOff: { n: 64, m: 0, by: 1 } },
      /accumulator of -?\d+ instead of -?\d+/,
    ],
    ['a finite number in a NaN row', { nanAsZero: true }, /expected NaN, got 0/],
    ['a stray write left of the tile', { stray: { n: 63, m: 2 } }, /was written, outside/],
  ] as const)('catches %s', (_, faults, explanation) => {
    const results = linear.cases(spec, m, 3).map((test) => test.compare(runStandIn(spec, test, faults), one));
    expect(results.some((result) => result.failures > 0)).toBe(true);
    expect(results.flatMap((result) => result.notes).join('\n')).toMatch(explanation);
  });

  it('does not let a dropped outlier column or bias pass in the real dataset', () => {
    const test = linear.cases(spec, m, 3)[1]!;
    for (const faults of [{ dropBias: true }, { dropOutliersFrom: 23 }, { dropCode: 7 }]) {
      const result = test.compare(runStandIn(spec, test, faults), one);
      expect(result.failures).toBeGreaterThan(result.elements / 4);
    }
  });

  it('compares a split-K tile only when all its slices ran, and wants the workspace zero', () => {
    const splitK: SpecOf<'linear', 'cuda'> = {
      family: 'linear',
      problem,
      schedule: { kind: 'split-k', tileN: 64, tileM: 16, warps: 4, slices: 2, ctasPerSm: 1 },
    };
    const test = linear.cases(splitK, 9, 3)[0]!;
    const read = runStandIn(splitK, test);
    const all: CtaIndex[] = [
      [1, 0, 0],
      [1, 0, 1],
      [1, 0, 2],
    ];
    expect(test.compare(read, all)).toMatchObject({ failures: 0, elements: 9 * 40 });
    expect(test.compare(read, all.slice(1))).toMatchObject({ failures: 0, elements: 0 });
    const dirty = (argument: string, offset: number, length: number) =>
      argument === 'workspace' ? new Uint8Array(length).fill(1, length - 1) : read(argument, offset, length);
    const result = test.compare(dirty, all);
    expect(result.failures).toBe(1);
    expect(result.notes[0]).toMatch(/workspace byte \d+ \(tile 1\) was not left zero/);
  });

  it('gives equal data for equal seeds and other data for others', () => {
    const bytes = (seed: number, kind: number) => {
      const into = new Uint8Array(1024);
      linear.cases(spec, m, seed)[kind]!.buffers[0]!.fill!(0, into);
      return Buffer.from(into).toString('hex');
    };
    expect(bytes(3, 0)).toBe(bytes(3, 0));
    expect(bytes(3, 0)).not.toBe(bytes(4, 0));
    expect(bytes(3, 0)).not.toBe(bytes(3, 1));
  });
});

describe('outputRegion', () => {
  it('takes token tiles from x and z, channels from y, and is cut at the edges', () => {
    expect(outputRegion(spec200, [0, 0, 0], 40)).toEqual({ n0: 0, n1: 64, m0: 0, m1: 32 });
    expect(outputRegion(spec200, [0, 1, 0], 40)).toEqual({ n0: 64, n1: 104, m0: 0, m1: 32 });
    expect(outputRegion(spec200, [1, 1, 0], 40)).toEqual({ n0: 64, n1: 104, m0: 32, m1: 40 });
    expect(outputRegion(spec200, [2, 1, 1], 1000)).toEqual({ n0: 64, n1: 104, m0: 576, m1: 608 });
  });

  it('is empty for a CTA of a group that is not full', () => {
    const { m0, m1 } = outputRegion(spec200, [3, 0, 1], 600);
    expect(m0).toBe(m1);
    expect(executedMma(spec200, [3, 0, 1], 600)).toEqual({ imma: 0, hmma: 0 });
  });

  it('covers every tile once, whatever M: launch grid and regions agree', () => {
    for (const tokens of [1, 32, 33, 512, 513, 1100]) {
      const [x = 0, y = 0, z = 0] = linearContract(spec200).launch.grid.map((extent) =>
        evaluate(extent, tokens),
      );
      let covered = 0;
      for (let k = 0; k < z; k++) {
        for (let j = 0; j < y; j++) {
          for (let i = 0; i < x; i++) {
            const { n0, n1, m0, m1 } = outputRegion(spec200, [i, j, k], tokens);
            covered += (n1 - n0) * (m1 - m0);
          }
        }
      }
      expect(covered).toBe(tokens * spec200.problem.n);
    }
  });
});
const spec200 = tiled();
