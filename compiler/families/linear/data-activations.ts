import type { LinearProblem } from '../../../ir/problem.ts';
import { codeWord } from '../../reference/code-words.ts';
import { decodeWords } from '../../reference/decode-words.ts';
import { type CodeRows, makeCodeRows } from '../../reference/integer-product.ts';
import { narrowFloat } from '../../reference/narrow-float.ts';
import { makeStreamKeys, random32, randomBell, randomUnit, streamKey } from '../../reference/random.ts';
import { type DatasetKind, rowPattern, scaleExponent } from './data-patterns.ts';
import { codeMasks } from './data-weights.ts';

/** Row meta; FP32 values, both NaN for a row that held a non-finite value. */
export interface RowMeta {
  readonly scale: number;
  readonly zero: number;
}

/** The activation side of a test dataset, made of pure functions of (row, place). */
export interface ActivationData {
  word(m: number, w: number): number;
  meta(m: number): RowMeta;
  outlierBits(m: number, f: number): number;
  residualBits(m: number, n: number): number;
  tile(m0: number, m1: number): CodeRows;
}

const constantRowScale = 2 ** -64;

export function makeActivationData(problem: LinearProblem, seed: number, kind: DatasetKind): ActivationData {
  const bits = problem.activationBits;
  const half = 2 ** (bits - 1);
  const masks = codeMasks(problem, false, seed);
  const float = narrowFloat(problem.dtype);
  const key = makeStreamKeys(seed, kind === 'real' ? 3 : 2);
  // Whole pages of the residual are filled for a few elements of each row, so its values come from a list.
  const residuals = Uint16Array.from({ length: kind === 'integer' ? 129 : 1021 }, (_, i) =>
    float.encode(kind === 'integer' ? i - 64 : 16 * randomBell(streamKey(seed, 4), i)),
  );

  return {
    word: (m, w) => codeWord(rowPattern(kind, m).codes, key(1, m), w, bits) & (masks[w] ?? 0),
    meta(m) {
      const { codes, role } = rowPattern(kind, m);
      const stream = key(2, m);
      if (role === 'non-finite') return { scale: Number.NaN, zero: Number.NaN };
      const power = 2 ** -scaleExponent(problem, codes);
      const steps = (random32(stream, 0) % 7) - 3;
      if (role === 'zero-range') {
        return { scale: constantRowScale, zero: kind === 'integer' ? steps : float.round(steps + 0.37) };
      }
      // z = -h s makes the zero point's term vanish: then y shows the bare accumulator. `offset` rows move off it.
      if (kind === 'integer')
        return { scale: power, zero: power * (-half + (role === 'offset' ? steps : 0)) };
      const scale = Math.fround(power * (0.5 + randomUnit(stream, 1) / 2));
      const shift = role === 'offset' ? 3 * randomBell(stream, 2) : randomUnit(stream, 3) / 8;
      return { scale, zero: Math.fround(scale * (-half + shift)) };
    },
    outlierBits(m, f) {
      if (f >= problem.outliers) return 0;
      const stream = key(3, m);
      if (kind === 'integer') {
        return float.encode(
          f % 17 === 0 ? 96 * (random32(stream, f) & 1) - 48 : (random32(stream, f) % 7) - 3,
        );
      }
      if (rowPattern(kind, m).role === 'infinite-outlier' && f === random32(stream, -1) % problem.outliers) {
        return float.infinityBits;
      }
      return float.encode(randomBell(stream, f) * (f % 17 === 0 ? 32 : 4));
    },
    residualBits: (m, n) => residuals[random32(key(4, m), n) % residuals.length] ?? 0,
    tile(m0, m1) {
      const made = makeCodeRows(m1 - m0, masks.length * (32 / bits));
      for (let m = m0; m < m1; m++) {
        const { codes } = rowPattern(kind, m);
        const stream = key(1, m);
        decodeWords(
          made,
          m - m0,
          bits,
          masks.length,
          (w) => codeWord(codes, stream, w, bits) & (masks[w] ?? 0),
        );
      }
      return made;
    },
  };
}
