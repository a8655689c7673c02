import { describe, expect, test } from 'vitest';
import { gptq } from '../../../compiler/quantise/gptq.ts';
import type { LinearWeights } from '../../../compiler/quantise/linear-weights.ts';
import { pruneGroup } from '../../../compiler/quantise/prune-group.ts';
import { quadraticLoss } from '../../../compiler/quantise/quadratic-loss.ts';
import { roundToNearest } from '../../../compiler/quantise/round-to-nearest.ts';
import { baseColumnsOf } from '../../../compiler/reference/outlier-columns.ts';
import { exampleGram, exampleLinear, threads, unwrap } from './example-linear.ts';
import { gptqPlainly } from './plain-gptq.ts';

const shapes = [
  { sparsity: '2:4', group: 4, unit: 1 },
  { sparsity: '4:8-pairs', group: 8, unit: 2 },
] as const;

test('of a group the two units of most saliency stay, of equal ones the first', () => {
  const kept = (unit: number, ...saliency: number[]) => {
    const keep = new Uint8Array(saliency.length).fill(9);
    pruneGroup({ group: 4 * unit, unit }, Float64Array.from(saliency), keep);
    return keep.join('');
  };
  expect(kept(1, 1, 4, 3, 2)).toBe('0110');
  expect(kept(1, 5, 5, 5, 5)).toBe('1100');
  expect(kept(1, 0, 7, 0, 0)).toBe('1100');
  expect(kept(1, 1, 2, 3)).toBe('011');
  expect(kept(1, 1)).toBe('1');
  // Sums 5, 6, 7, 5; the largest single columns are elsewhere.
  expect(kept(2, 5, 0, 3, 3, 4, 3, 0, 5)).toBe('00111100');
  expect(kept(2, 1, 1, 1, 0, 3)).toBe('11001');
});

/** The smaller magnitudes of each group set to 0, which rounding to the nearest then keeps at code 0. */
function pruneByMagnitude(linear: LinearWeights, group: number, unit: number): LinearWeights {
  const weights = Float32Array.from(linear.weights);
  const base = baseColumnsOf(linear.k, linear.outlierColumns);
  for (let row = 0; row < linear.n; row++) {
    for (let from = 0; from < base.length; from += group) {
      const columns = base.subarray(from, from + group);
      const keep = new Uint8Array(columns.length);
      const saliency = Float64Array.from(columns, (column) => weights[row * linear.k + column]! ** 2);
      pruneGroup({ group, unit }, saliency, keep);
      columns.forEach((column, i) => {
        if (keep[i] === 0) weights[row * linear.k + column] = 0;
      });
    }
  }
  return { ...linear, weights };
}

describe.each(shapes)('$sparsity', ({ sparsity, group, unit }) => {
  // 77 base columns: two blocks and a half, and a last group that is cut short.
  const linear = exampleLinear(6, 84, 7);
  const gram = exampleGram(84);
  const base = baseColumnsOf(84, linear.outlierColumns);
  const { linear: got } = unwrap(gptq(threads, linear, gram, { sparsity }));

  test('the codes of plain OBS with the same measure', () => {
    expect(got.codes).toEqual(gptqPlainly(linear, gram, [...base], 0.01, sparsity).codes);
  });

  test('the pattern holds in every group of neighbouring base columns', () => {
    let full = 0;
    for (let row = 0; row < 6; row++) {
      for (let from = 0; from < base.length; from += group) {
        const codes = [...base.subarray(from, from + group)].map((column) => got.codes[row * 84 + column]!);
        const units = Array.from({ length: Math.ceil(codes.length / unit) }, (_, u) =>
          codes.slice(u * unit, (u + 1) * unit).some((code) => code !== 0),
        );
        const alive = units.filter(Boolean).length;
        expect(alive).toBeLessThanOrEqual(2);
        if (alive === 2) full++;
      }
    }
    // A kept weight may round to 0 all the same; most do not.
    expect(full).toBeGreaterThan(50);
  });

  test('loses less than pruning by magnitude and rounding', () => {
    const loss = (codes: typeof got) => quadraticLoss(threads, linear.weights, codes, gram);
    const plain = unwrap(roundToNearest(threads, pruneByMagnitude(linear, group, unit)));
    expect(loss(got)).toBeLessThan(0.8 * loss(plain));
  });
});

test('columns in another order are not pruned: groups would be of others than those that are packed', () => {
  const linear = exampleLinear(2, 16, 0);
  expect(() =>
    gptq(threads, linear, exampleGram(16), { sparsity: '2:4', order: { kind: 'act-order' } }),
  ).toThrow('natural order');
});
