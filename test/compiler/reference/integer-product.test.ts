import { describe, expect, it } from 'vitest';
import { codeWord, sumOfCodes } from '../../../compiler/reference/code-words.ts';
import { decodeWords } from '../../../compiler/reference/decode-words.ts';
import { integerProduct, makeCodeRows } from '../../../compiler/reference/integer-product.ts';
import { random32, streamKey } from '../../../compiler/reference/random.ts';

function randomRows(rows: number, columns: number, seed: number) {
  const made = makeCodeRows(rows, columns);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < columns; k++) {
      made.codes[r * made.stride + k] = (random32(streamKey(seed, r), k) & 255) - 128;
    }
  }
  return made;
}

describe('integerProduct', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 13],
    [16, 8, 64],
    [7, 9, 333],
  ])('equals the plain triple loop for %i x %i x %i', (rows, tokens, columns) => {
    const a = randomRows(rows, columns, 1);
    const b = randomRows(tokens, columns, 2);
    const product = integerProduct(a, b);
    for (let n = 0; n < rows; n++) {
      for (let m = 0; m < tokens; m++) {
        let sum = 0;
        for (let k = 0; k < columns; k++) sum += a.codes[n * a.stride + k]! * b.codes[m * b.stride + k]!;
        expect(product[n * b.rows + m]).toBe(sum);
      }
    }
  });

  it('is exact at the extremes', () => {
    const a = makeCodeRows(2, 59_392);
    a.codes.fill(-128);
    const product = integerProduct(a, a);
    expect(product[0]).toBe(59_392 * 16_384);
  });

  it('is zero for K = 0', () => {
    expect([...integerProduct(makeCodeRows(2, 0), makeCodeRows(1, 0))]).toEqual(new Array(16).fill(0));
  });
});

describe('codeWord', () => {
  const patterns = ['full', 'small', 'low', 'high', 'spikes', 'constant', 'lowest', 'zeros'] as const;
  it.each(patterns)('%s stays in its range, and its sum is the sum of its codes', (pattern) => {
    for (const bits of [4, 8] as const) {
      const made = makeCodeRows(1, 32 * 64);
      const words = (64 * 32 * bits) / 32;
      decodeWords(made, 0, bits, words, (w) => codeWord(pattern, 77, w, bits));
      const codes = made.codes.subarray(0, made.stride);
      const half = 2 ** (bits - 1);
      expect(codes.every((code) => code >= -half && code < half)).toBe(true);
      let sum = 0;
      for (let w = 0; w < words; w++) sum += sumOfCodes(codeWord(pattern, 77, w, bits), bits);
      expect(sum).toBe(codes.reduce((total, code) => total + code, 0));
      const distinct = [...new Set(codes)];
      if (pattern === 'small') expect(distinct.sort((x, y) => x - y)).toEqual([-2, -1, 0, 1]);
      if (pattern === 'full') expect(distinct.length).toBe(2 * half);
      if (pattern === 'lowest') expect(distinct).toEqual([-half]);
      if (pattern === 'low') expect(sum / codes.length).toBeLessThan(-0.2 * half);
      if (pattern === 'high') expect(sum / codes.length).toBeGreaterThan(0.2 * half);
      if (pattern === 'spikes') expect(distinct.length).toBeGreaterThan(8);
    }
  });
});
