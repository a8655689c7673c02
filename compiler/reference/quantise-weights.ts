import { assert } from '../support/assert.ts';
import { roundHalfEven } from './narrow-float.ts';
import { smallestScale } from './quantise-row.ts';

/** One output channel, quantised symmetrically: w is close to scale * code. */
export interface QuantisedChannel {
  /** One per base column, in [-2^(b-1), 2^(b-1) - 1]. */
  readonly codes: Int8Array;
  /** s_w, an FP32 value. */
  readonly scale: number;
  /** R = fl32(s_w * exact sum of codes): what the zero point is multiplied with. */
  readonly reduced: number;
}

/**
 * Clip search of QUIK (its repository's fake_quant quantiser): shrink by 1.00, 0.99 … 0.21, error measured as sum |e|^2.4.
 * Ours is the margin of 2^-30 by which a smaller scale must be better: no standard fixes the last bits of `pow`, nor the
 * order of a sum. Those reach 2^-36 of it (docs/numerics.md, 5), so that equal errors stay equal in every packer.
 */
export const clipSearch = { grid: 100, candidates: 80, exponent: 2.4, marginPower: -30 } as const;

/** The scale without clipping: max|w| / (2^(b-1) - 1) in FP32, at least 2^-64 (an all-zero channel has codes 0). */
export function channelScale(weights: ArrayLike<number>, bits: 4 | 8): number {
  let most = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] ?? Number.NaN;
    assert(Number.isFinite(weight), `weight ${i} is finite`);
    most = Math.max(most, Math.abs(weight));
  }
  return Math.max(Math.fround(most / (2 ** (bits - 1) - 1)), smallestScale);
}

/** The code of one weight: clamp(rne(fl32(w / s))) to [-half, half - 1], half = 2^(b-1). */
export function weightCode(weight: number, scale: number, half: number): number {
  const quotient = Math.fround(weight / scale);
  const magnitude = roundHalfEven(Math.abs(quotient));
  return quotient < 0 ? -Math.min(magnitude, half) : Math.min(magnitude, half - 1);
}

/** The clipped scale with the least sum |w - s q|^2.4; of those within the margin, the larger. */
function searchScale(weights: ArrayLike<number>, bits: 4 | 8, full: number): number {
  const half = 2 ** (bits - 1);
  const share = 1 - 2 ** clipSearch.marginPower;
  let best = full;
  let enough = Number.POSITIVE_INFINITY;
  for (let i = 0; i < clipSearch.candidates; i++) {
    const scale = Math.max(Math.fround(full * (1 - i / clipSearch.grid)), smallestScale);
    let error = 0;
    for (let k = 0; k < weights.length && error < enough; k++) {
      const weight = weights[k] ?? 0;
      error += Math.abs(weight - scale * weightCode(weight, scale, half)) ** clipSearch.exponent;
    }
    if (error < enough) {
      enough = error * share;
      best = scale;
    }
  }
  return best;
}

/**
 * Quantises the base columns of one output channel (FP32 values; outlier columns are not in it). The scale is the
 * caller's (GPTQ and other importers bring their own), else max-based, or searched with `clip`.
 */
export function quantiseWeights(
  weights: ArrayLike<number>,
  bits: 4 | 8,
  options: { readonly scale?: number; readonly clip?: boolean } = {},
): QuantisedChannel {
  const half = 2 ** (bits - 1);
  const full = channelScale(weights, bits);
  const own = options.scale === undefined ? undefined : Math.max(Math.fround(options.scale), smallestScale);
  const scale = own ?? (options.clip ? searchScale(weights, bits, full) : full);
  const codes = new Int8Array(weights.length);
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const code = weightCode(weights[k] ?? 0, scale, half);
    codes[k] = code;
    sum += code;
  }
  // |sum| < 2^24 and a 24-bit scale: the float64 product is exact, so this rounds once.
  return { codes, scale, reduced: Math.fround(scale * sum) };
}
