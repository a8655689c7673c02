import { expect, test } from 'vitest';
import { divergence } from '../../../compiler/evaluate/divergence.ts';

const matrix = (...rows: readonly (readonly number[])[]) => ({
  rows: rows.length,
  columns: rows[0]!.length,
  data: Float64Array.from(rows.flat()),
});

test('mean over rows of sum p ln(p / q), whatever is added to all logits of a row', () => {
  const [p, q] = [
    [0.5, 0.25, 0.25],
    [0.25, 0.25, 0.5],
  ];
  const wanted = 0.5 * Math.log(2) - 0.25 * Math.log(2);
  const expected = matrix(p!.map(Math.log), [1, 2, 3]);
  const logits = matrix(
    q!.map((value) => Math.log(value) + 700),
    [1, 2, 3],
  );
  expect(divergence(expected, logits)).toBeCloseTo(wanted / 2, 12);
});

test('no probability is lost to a logit far below', () => {
  expect(divergence(matrix([0, -2000]), matrix([0, -1000]))).toBe(0);
});
