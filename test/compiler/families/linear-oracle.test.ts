import { describe, expect, it } from 'vitest';
import { linear } from '../../../compiler/families/linear/cuda/index.ts';
import { makeActivationData } from '../../../compiler/families/linear/data-activations.ts';
import { makeWeightData } from '../../../compiler/families/linear/data-weights.ts';
import { makeTileOracle } from '../../../compiler/families/linear/oracle.ts';
import { diagnoseElement } from '../../../compiler/families/linear/oracle-diagnosis.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { outlierColumns } from '../../../compiler/reference/outlier-columns.ts';
import type { SpecOf } from '../../../ir/kernel-spec.ts';

const specOf = (columns: 'compact' | 'in-place'): SpecOf<'linear', 'cuda'> => ({
  family: 'linear',
  problem: {
    family: 'linear',
    target: 'sm80',
    n: 64,
    k: 200,
    outliers: 24,
    weightBits: 4,
    activationBits: 4,
    dtype: 'f16',
    columns,
    epilogue: [{ op: 'residual' }],
  },
  schedule: { kind: 'split-k', tileN: 64, tileM: 16, warps: 4, slices: 2, ctasPerSm: 1 },
});

const nibble = (word: number, i: number) => (word << (28 - 4 * i)) >> 28;

describe('the linear oracle', () => {
  it('is the formula of docs/numerics.md, term by term, with a bound of gamma(c) times the terms', () => {
    const spec = specOf('compact');
    const weights = makeWeightData(spec.problem, 5, 'real');
    const activations = makeActivationData(spec.problem, 5, 'real');
    const oracle = makeTileOracle(
      spec.problem,
      linear.roundings(spec),
      weights,
      activations,
      { n0: 16, n1: 64, m0: 0, m1: 14 },
      false,
    );
    const f16 = narrowFloat('f16');
    for (const [n, m] of [
      [16, 0],
      [33, 2],
      [63, 13],
      [40, 6],
    ] as const) {
      const meta = weights.meta(n);
      const row = activations.meta(m);
      let acc = 0;
      let codes = 0;
      for (let k = 0; k < 176; k++) {
        const w = nibble(weights.word(n, k >> 3), k & 7);
        acc += w * nibble(activations.word(m, k >> 3), k & 7);
        codes += w;
      }
      expect(meta.reduced).toBe(Math.fround(meta.scale * codes));
      const terms = [
        acc * row.scale * meta.scale,
        (row.zero + 8 * row.scale) * meta.reduced,
        meta.bias,
        f16.decode(activations.residualBits(m, n)),
      ];
      for (let f = 0; f < 24; f++) {
        terms.push(f16.decode(activations.outlierBits(m, f)) * f16.decode(weights.outlierBits(n, f)));
      }
      const expected = oracle.at(n, m);
      expect(expected.acc).toBe(acc);
      expect(expected.value).toBeCloseTo(
        terms.reduce((a, b) => a + b),
        9,
      );
      // 24 outliers pad to 32: 4 steps of 10; 4 more; residual and split-K 1 each.
      const magnitude = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      expect(expected.bound / (46 * 2 ** -24 * magnitude)).toBeCloseTo(1, 4);
    }
  });

  it('has weight code 0 at outlier columns kept in place, and activation codes everywhere', () => {
    const { problem } = specOf('in-place');
    const weights = makeWeightData(problem, 5, 'integer');
    const activations = makeActivationData(problem, 5, 'integer');
    const columns = outlierColumns(200, 24, 5);
    const codes = (word: (row: number, w: number) => number) =>
      [...columns].flatMap((k) => Array.from({ length: 13 }, (_, row) => nibble(word(row, k >> 3), k & 7)));
    expect(new Set(codes(weights.word))).toEqual(new Set([0]));
    expect(new Set(codes(activations.word)).size).toBeGreaterThan(4);
  });
});

describe('diagnoseElement', () => {
  const expected = {
    ...{ acc: 100, base: 50, zeroPoint: 7, outliers: -20, bias: 3, residual: 11 },
    ...{ value: 51, bound: 0.001, unit: 0.5 },
  };
  it.each([
    [44, /zero-point term is missing/],
    [71, /outlier part is missing/],
    [62, /residual was added twice/],
    [51.5, /fits an accumulator of 101 instead of 100/],
    [51.2, /outside the bound of the float part/],
    [Number.NaN, /got NaN/],
  ])('reads %f', (actual, explanation) => {
    expect(diagnoseElement(expected, actual, 0.01)).toMatch(explanation);
  });
});
