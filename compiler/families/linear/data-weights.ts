import { baseColumns, type LinearProblem } from '../../../ir/problem.ts';
import { codeWord, sumOfCodes } from '../../reference/code-words.ts';
import { decodeWords } from '../../reference/decode-words.ts';
import { type CodeRows, makeCodeRows } from '../../reference/integer-product.ts';
import { paddedBase } from '../../reference/layouts.ts';
import { narrowFloat } from '../../reference/narrow-float.ts';
import { outlierColumns } from '../../reference/outlier-columns.ts';
import { makeStreamKeys, random32, randomBell, randomUnit } from '../../reference/random.ts';
import { channelPattern, type DatasetKind, scaleExponent } from './data-patterns.ts';

/** Column meta of one channel; FP32 values. */
export interface ColumnMeta {
  readonly scale: number;
  readonly reduced: number;
  readonly bias: number;
}

/** The weight side of a test dataset: pure functions of (channel, place), with decoded tiles kept for the oracle. */
export interface WeightData {
  /** Word `w` of channel n's packed codes; 0 past the base columns and, in-place, at outlier columns. */
  word(n: number, w: number): number;
  meta(n: number): ColumnMeta;
  /** Bits of W[n, outlier f]. */
  outlierBits(n: number, f: number): number;
  /** Codes of channels n0 … n1 - 1, one row each. */
  tile(n0: number, n1: number): CodeRows;
}

/** For each 32-bit word of a packed row, the bits that belong to real codes. */
export function codeMasks(problem: LinearProblem, maskOutliers: boolean, seed: number): Int32Array {
  const bits = problem.weightBits;
  const base = baseColumns(problem);
  const perWord = 32 / bits;
  const masks = new Int32Array(paddedBase(base, bits) / perWord);
  const outlier = new Uint8Array(base);
  if (maskOutliers && problem.columns === 'in-place') {
    for (const column of outlierColumns(problem.k, problem.outliers, seed)) outlier[column] = 1;
  }
  for (let column = 0; column < base; column++) {
    if (outlier[column]) continue;
    const word = Math.floor(column / perWord);
    masks[word] = (masks[word] ?? 0) | ((2 ** bits - 1) << ((column % perWord) * bits));
  }
  return masks;
}

export function makeWeightData(problem: LinearProblem, seed: number, kind: DatasetKind): WeightData {
  const bits = problem.weightBits;
  const masks = codeMasks(problem, true, seed);
  const float = narrowFloat(problem.dtype);
  const key = makeStreamKeys(seed, kind === 'real' ? 1 : 0);
  const metas = new Map<number, ColumnMeta>();
  const tiles = new Map<number, CodeRows>();
  const word = (n: number, w: number): number =>
    n < problem.n ? codeWord(channelPattern(n), key(1, n), w, bits) & (masks[w] ?? 0) : 0;

  function makeMeta(n: number): ColumnMeta {
    if (n >= problem.n) return { scale: 0, reduced: 0, bias: 0 };
    const pattern = channelPattern(n);
    const stream = key(2, n);
    let sum = 0;
    const codes = key(1, n);
    for (let w = 0; w < masks.length; w++)
      sum += sumOfCodes(codeWord(pattern, codes, w, bits) & (masks[w] ?? 0), bits);
    const power = 2 ** -scaleExponent(problem, pattern);
    if (kind === 'integer') {
      return { scale: power, reduced: Math.fround(power * sum), bias: (random32(stream, 0) % 65) - 32 };
    }
    const scale = Math.fround(power * (0.5 + randomUnit(stream, 1) / 2));
    return { scale, reduced: Math.fround(scale * sum), bias: Math.fround(randomBell(stream, 2) * 16) };
  }

  return {
    word,
    meta(n) {
      const known = metas.get(n) ?? makeMeta(n);
      metas.set(n, known);
      return known;
    },
    outlierBits(n, f) {
      if (n >= problem.n || f >= problem.outliers) return 0;
      const stream = key(3, n);
      return float.encode(kind === 'integer' ? (random32(stream, f) % 5) - 2 : randomBell(stream, f));
    },
    tile(n0, n1) {
      const known = tiles.get(n0);
      if (known && known.rows >= n1 - n0) return known;
      const made = makeCodeRows(n1 - n0, masks.length * (32 / bits));
      for (let n = n0; n < n1; n++) {
        const pattern = channelPattern(n);
        const stream = key(1, n);
        decodeWords(
          made,
          n - n0,
          bits,
          masks.length,
          (w) => codeWord(pattern, stream, w, bits) & (masks[w] ?? 0),
        );
      }
      tiles.set(n0, made);
      return made;
    },
  };
}
