import { random32, streamKey } from '../../compiler/reference/random.ts';

/**
 * [n][k] whole numbers, k odd, of which every channel has its least clip-search error at 0.88 and at 0.87 of its scale 100
 * alike (4 bit). Each pair 88q + a, 87q - a errs by a and q + a at the one and by q + a and a at the other, each -700 by 4 at
 * both: the same errors in another order, so that their sums differ in rounding alone.
 */
export function tiedWeights(n: number, k: number): Float32Array {
  const weights = new Float32Array(n * k);
  for (let channel = 0; channel < n; channel++) {
    const key = streamKey(3, channel);
    const row = weights.subarray(channel * k, (channel + 1) * k).fill(-700, 0, 1);
    for (let pair = 0; 2 * pair + 2 < k; pair++) {
      const q = 4 + (random32(key, 2 * pair) % 3);
      const a = -(random32(key, 2 * pair + 1) % q);
      row.set([88 * q + a, 87 * q - a], 2 * pair + 1);
    }
  }
  return weights;
}
