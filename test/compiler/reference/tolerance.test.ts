import { describe, expect, it } from 'vitest';
import { floatLinear, rowError } from '../../../compiler/reference/float-linear.ts';
import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { runPrologue } from '../../../compiler/reference/prologue.ts';
import { quantiseRow } from '../../../compiler/reference/quantise-row.ts';
import { quantiseWeights } from '../../../compiler/reference/quantise-weights.ts';
import { randomBell, randomUnit, streamKey } from '../../../compiler/reference/random.ts';
import {
  codeRoundings,
  gamma,
  linearRoundings,
  rmsNormRoundings,
  scaleRoundings,
  siluMulRoundings,
} from '../../../compiler/reference/tolerance.ts';

/** Cuts towards zero to a multiple of 2^exponent. */
const cut = (value: number, exponent: number) => Math.trunc(value / 2 ** exponent) * 2 ** exponent;
const exponentOf = (value: number) => Math.floor(Math.log2(Math.abs(value)));

/** One k8 half of an FP16 MMA as docs/numerics.md models it: align to the largest, 24 fraction bits, cut, add, cut. */
function truncatingStep(c: number, products: number[]): number {
  const largest = Math.max(Math.abs(c), ...products.map(Math.abs));
  if (largest === 0) return 0;
  const last = exponentOf(largest) - 24;
  const sum = [c, ...products].reduce((total, addend) => total + cut(addend, last), 0);
  return sum === 0 ? 0 : cut(sum, exponentOf(sum) - 23);
}

describe('linearRoundings', () => {
  it('counts what docs/numerics.md counts', () => {
    expect(linearRoundings({ paddedOutliers: 0, residual: false, outliersApart: false })).toBe(4);
    expect(linearRoundings({ paddedOutliers: 256, residual: false, outliersApart: false })).toBe(324);
    expect(linearRoundings({ paddedOutliers: 256, residual: true, outliersApart: true })).toBe(326);
    expect(linearRoundings({ paddedOutliers: 688, residual: true, outliersApart: false })).toBe(865);
  });

  it('bounds a truncating accumulation, and not by far where every cut points one way', () => {
    const f16 = narrowFloat('f16');
    let worst = 0;
    for (let trial = 0; trial < 400; trial++) {
      const key = streamKey(trial, 9);
      // Even trials: random. Odd ones: all positive with long tails, so that no cut cancels another.
      const value = (i: number) => f16.round(trial % 2 ? 1 + randomUnit(key, i) : randomBell(key, i));
      let c = Math.fround(trial % 2 ? 8 : 100 * randomBell(key, -1));
      let exact = c;
      let magnitude = Math.abs(c);
      for (let f = 0; f < 256; f += 8) {
        const products = Array.from({ length: 8 }, (_, i) => value(2 * (f + i)) * value(2 * (f + i) + 1));
        c = truncatingStep(c, products);
        for (const product of products) {
          exact += product;
          magnitude += Math.abs(product);
        }
      }
      const bound =
        gamma(linearRoundings({ paddedOutliers: 256, residual: false, outliersApart: false })) * magnitude;
      worst = Math.max(worst, Math.abs(c - exact) / bound);
    }
    expect(worst).toBeLessThan(1);
    expect(worst).toBeGreaterThan(0.1);
  });
});

describe('runPrologue', () => {
  it.each(['rms-norm', 'silu-mul'] as const)(
    '%s: FP32 with the approximate instructions at their limits stays inside',
    (op) => {
      const f16 = narrowFloat('f16');
      const fl = Math.fround;
      const columns = 4096; // enough that some x rounds the other way
      const key = streamKey(4);
      const width = op === 'silu-mul' ? 2 * columns : columns;
      const values = Float64Array.from({ length: width }, (_, i) => f16.round(4 * randomBell(key, i)));
      const weights = Float64Array.from({ length: columns }, (_, i) =>
        f16.round(1 + randomBell(key, 50_000 + i) / 4),
      );
      const prologue = op === 'rms-norm' ? ({ op, eps: 1e-5 } as const) : ({ op } as const);
      const row = runPrologue(
        prologue,
        {
          values,
          gamma: weights,
          roundings: { norm: rmsNormRoundings(columns, 128), silu: siluMulRoundings },
        },
        f16,
      );
      let undecided = 0;
      for (let i = 0; i < columns; i++) if (row.low[i] !== row.high[i]) undecided++;
      expect(undecided).toBeLessThan(0.05 * columns);
      for (const sign of [-1, 1]) {
        let sum = 0;
        for (let i = 0; i < columns; i++) sum = fl(sum + fl(values[i]! ** 2));
        const factor = fl((1 + sign * 2 ** -22.95) / Math.sqrt(fl(fl(sum * fl(1 / columns)) + fl(1e-5))));
        for (let i = 0; i < columns; i++) {
          const v = values[i]!;
          const e = fl(fl(2 ** fl(-v * fl(Math.LOG2E))) * (1 + sign * 2 ** -22.1));
          const quotient = fl(fl(v / fl(1 + e)) * (1 - sign * 2 ** -22.1));
          const x = f16.round(
            op === 'rms-norm' ? fl(fl(v * factor) * weights[i]!) : fl(quotient * values[columns + i]!),
          );
          expect(x).toBeGreaterThanOrEqual(row.low[i]!);
          expect(x).toBeLessThanOrEqual(row.high[i]!);
        }
      }
    },
  );

  it('agrees with silu by hand', () => {
    const f16 = narrowFloat('f16');
    const { low, high } = runPrologue(
      { op: 'silu-mul' },
      { values: Float64Array.of(1, -1e4, 2, 3), roundings: { norm: 0, silu: siluMulRoundings } },
      f16,
    );
    expect(low[0]).toBe(f16.round((1 / (1 + Math.exp(-1))) * 2));
    expect(low[1]! <= 0 && high[1]! >= 0).toBe(true);
  });
});

describe('floatLinear', () => {
  it('bounds the scheme’s error on the whole layer', () => {
    for (let trial = 0; trial < 20; trial++) {
      const key = streamKey(trial);
      const k = 300;
      const outliers = new Set([0, 17, 299]);
      const x = Float64Array.from({ length: k }, (_, i) => randomBell(key, i) * (outliers.has(i) ? 20 : 1));
      const w = Float32Array.from({ length: k }, (_, i) => randomBell(key, 1000 + i) / 10);
      const base = Array.from({ length: k }, (_, i) => i).filter((i) => !outliers.has(i));
      const row = quantiseRow(
        base.map((i) => narrowFloat('f16').round(x[i]!)),
        4,
      );
      for (const i of base) x[i] = narrowFloat('f16').round(x[i]!);
      const channel = quantiseWeights(
        base.map((i) => w[i]!),
        4,
      );
      const quantised = new Float64Array(k).fill(Number.NaN);
      let y = 0.25;
      for (const [i, column] of base.entries()) {
        quantised[column] = channel.scale * channel.codes[i]!;
        y += (row.scale * (row.codes[i]! + 8) + row.zero) * quantised[column]!;
      }
      for (const column of outliers) y += x[column]! * w[column]!;
      const error = rowError(row.scale, 4, gamma(codeRoundings + scaleRoundings));
      const { value, schemeError } = floatLinear(x, w, quantised, error, 0.25);
      expect(Math.abs(y - value)).toBeLessThanOrEqual(schemeError);
      expect(schemeError).toBeLessThan(10);
    }
  });

  it('leaves only the activations’ half steps where weights are exact', () => {
    const x = [-1, -0.13, 0.4, 2];
    const w = [1, -3, 2, 7];
    const row = quantiseRow(x.map(Math.fround), 4); // s = 0.2: x^ is up to 0.1 off
    const y = x.reduce((sum, _, i) => sum + (row.scale * (row.codes[i]! + 8) + row.zero) * w[i]!, 0);
    const { value, schemeError } = floatLinear(
      x,
      w,
      w,
      rowError(row.scale, 4, gamma(codeRoundings + scaleRoundings)),
      0,
    );
    expect(value).toBeCloseTo(-1 + 0.39 + 0.8 + 14, 12);
    expect(Math.abs(y - value)).toBeGreaterThan(0.1);
    expect(Math.abs(y - value)).toBeLessThanOrEqual(schemeError);
    expect(schemeError).toBeCloseTo(0.1 * 13, 4);
  });
});
