import { describe, expect, test } from 'vitest';
import { gptq } from '../../../compiler/quantise/gptq.ts';
import { quadraticLoss } from '../../../compiler/quantise/quadratic-loss.ts';
import { roundToNearest } from '../../../compiler/quantise/round-to-nearest.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { baseColumnsOf } from '../../../compiler/reference/outlier-columns.ts';
import { noise32 } from '../linear-algebra/noise.ts';
import { exampleGram, exampleLinear, threads, unwrap } from './example-linear.ts';
import { gptqPlainly } from './plain-gptq.ts';

const sizes = [
  { n: 256, k: 256, outliers: 20, bits: 4, clip: false },
  { n: 7, k: 90, outliers: 3, bits: 4, clip: true },
  { n: 7, k: 90, outliers: 0, bits: 8, clip: false },
  { n: 5, k: 41, outliers: 40, bits: 4, clip: false },
  { n: 3, k: 64, outliers: 64, bits: 4, clip: false },
] as const;

describe('the codes of a plain float64 OBS, column by column', () => {
  test.each(sizes)('$n x $k, $outliers outliers, $bits bits', ({ n, k, outliers, bits, clip }) => {
    const linear = exampleLinear(n, k, outliers, { bits, clip });
    const gram = exampleGram(k);
    const { linear: got, damping } = unwrap(gptq(threads, linear, gram));
    const expected = gptqPlainly(linear, gram, [...baseColumnsOf(k, linear.outlierColumns)], 0.01);
    expect(damping).toBe(0.01);
    expect(got.codes).toEqual(expected.codes);
    const { round, ulp } = narrowFloat('f16');
    const wrong = expected.outlierWeights.flat().filter((weight, index) => {
      const rounded = got.outlierWeights[index]!;
      // A value half way between two of FP16 may go to either.
      return round(rounded) !== rounded || !(Math.abs(rounded - weight) < 0.5001 * ulp(weight));
    });
    expect(wrong).toEqual([]);
    const nearest = unwrap(roundToNearest(threads, linear));
    expect(got.scales).toEqual(nearest.scales);
    for (let row = 0; row < n; row++) {
      const sum = got.codes.subarray(row * k, (row + 1) * k).reduce((total, code) => total + code, 0);
      expect(got.reduced[row]).toBe(Math.fround(got.scales[row]! * sum));
    }
    expect(got.outlierColumns).toEqual(linear.outlierColumns);
  });

  test('in the order of scores, and of the diagonal', () => {
    const [n, k] = [9, 70];
    const linear = exampleLinear(n, k, 6);
    const gram = exampleGram(k);
    const base = [...baseColumnsOf(k, linear.outlierColumns)];
    const score = noise32(k, 9).map((value) => Math.round(4 * Math.abs(value)));
    const byScore = base.toSorted((a, b) => score[a]! - score[b]! || a - b);
    const byDiagonal = base.toSorted((a, b) => gram[b * (k + 1)]! - gram[a * (k + 1)]!);
    expect(byScore).not.toEqual(base);
    for (const [order, columns] of [
      [{ kind: 'score', score }, byScore],
      [{ kind: 'act-order' }, byDiagonal],
    ] as const) {
      const { linear: got } = unwrap(gptq(threads, linear, gram, { order, damping: 0.05 }));
      expect(got.codes).toEqual(gptqPlainly(linear, gram, columns, 0.05).codes);
    }
  });

  test('columns that never saw anything but zeros lose their weights, outlier columns keep them', () => {
    const [n, k] = [6, 48];
    const linear = exampleLinear(n, k, 4);
    const gram = exampleGram(k);
    const outlier = linear.outlierColumns[1]!;
    const dead = [...baseColumnsOf(k, linear.outlierColumns)].filter((column) => column % 3 === 2);
    for (const column of [...dead, outlier])
      for (let i = 0; i < k; i++) gram[column * k + i] = gram[i * k + column] = 0;
    // So much that it shows whether dead columns count for the mean: they do not.
    const damping = 0.5;
    const { linear: got } = unwrap(gptq(threads, linear, gram, { damping }));
    const base = [...baseColumnsOf(k, linear.outlierColumns)];
    expect(got.codes).toEqual(gptqPlainly(linear, gram, base, damping).codes);
    for (let row = 0; row < n; row++) {
      for (const column of dead) expect(got.codes[row * k + column]).toBe(0);
      expect(got.outlierWeights[row * 4 + 1]).toBe(
        narrowFloat('f16').round(linear.weights[row * k + outlier]!),
      );
    }
    expect(
      unwrap(gptq(threads, linear, new Float64Array(k * k))).linear.codes.every((code) => code === 0),
    ).toBe(true);
  });
});

test('loses less than rounding to the nearest, by as much as plain OBS does', () => {
  const [n, k] = [16, 300];
  const linear = exampleLinear(n, k, 8, { clip: true });
  const gram = exampleGram(k);
  const loss = (codes: Parameters<typeof quadraticLoss>[2]) =>
    quadraticLoss(threads, linear.weights, codes, gram);
  const nearest = loss(unwrap(roundToNearest(threads, linear)));
  const { linear: got } = unwrap(gptq(threads, linear, gram));
  expect(loss(got)).toBeLessThan(0.6 * nearest);
  const { codes, outlierWeights } = gptqPlainly(
    linear,
    gram,
    [...baseColumnsOf(k, linear.outlierColumns)],
    0.01,
  );
  const plain = loss({ ...got, codes, outlierWeights: Float32Array.from(outlierWeights.flat()) });
  expect(loss(got)).toBeLessThan(1.001 * plain);
});

describe('a Hessian that cannot be factorised', () => {
  const [n, k] = [4, 40];
  const linear = exampleLinear(n, k, 3);

  test('singular, as of fewer tokens than columns: damping comes by itself', () => {
    const { linear: got, damping } = unwrap(gptq(threads, linear, exampleGram(k, 5), { damping: 0 }));
    expect(damping).toBe(0.01);
    expect(got.codes.some((code) => code !== 0)).toBe(true);
  });

  test('a little indefinite: damping is raised until it suffices, and said', () => {
    const gram = exampleGram(k);
    const mean = Array.from({ length: k }, (_, i) => gram[i * (k + 1)]!).reduce(
      (sum, value) => sum + value / k,
      0,
    );
    gram[7 * (k + 1)] = -0.05 * mean;
    for (let i = 0; i < k; i++) if (i !== 7) gram[i * k + 7] = gram[7 * k + i] = 0;
    const { damping } = unwrap(gptq(threads, linear, gram));
    expect(damping).toBeCloseTo(0.1, 12);
    gram[7 * (k + 1)] = -2 * mean;
    expect(gptq(threads, linear, gram)).toEqual({
      ok: false,
      error: { kind: 'gram-not-definite', damping: 1 },
    });
  });

  test('what is not finite is said by its column', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const gram = exampleGram(k);
      gram[3 * k + 12] = gram[12 * k + 3] = value;
      const failed = gptq(threads, linear, gram);
      expect(failed).toMatchObject({ ok: false, error: { kind: 'gram-not-finite' } });
      if (!failed.ok && failed.error.kind === 'gram-not-finite')
        expect([3, 12]).toContain(failed.error.column);
    }
    const weights = Float32Array.from(linear.weights);
    weights[2 * k + 5] = Number.NaN;
    const error = { kind: 'weights-not-finite', channel: 2, column: 5 };
    expect(gptq(threads, { ...linear, weights }, exampleGram(k))).toEqual({ ok: false, error });
    expect(roundToNearest(threads, { ...linear, weights })).toEqual({ ok: false, error });
  });

  test('an outlier weight beyond FP16 is a fault, not an infinity', () => {
    const weights = Float32Array.from(linear.weights);
    const [column] = linear.outlierColumns;
    weights[k + column!] = 70_000;
    const error = { kind: 'outlier-overflow', channel: 1, column };
    expect(roundToNearest(threads, { ...linear, weights })).toEqual({ ok: false, error });
    expect(gptq(threads, { ...linear, weights }, exampleGram(k))).toEqual({ ok: false, error });
    expect(roundToNearest(threads, { ...linear, weights, dtype: 'bf16' }).ok).toBe(true);
  });
});
