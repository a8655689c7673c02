import { random32 } from './random.ts';

/** How the codes of a test row are distributed. */
export type CodePattern =
  | 'full' /* uniform over the whole range */
  | 'small' /* -2 … 1 */
  | 'low' /* skewed to the bottom of the range */
  | 'high' /* skewed to the top */
  | 'spikes' /* zeros with one code in 32 (4 bit) or 16 (8 bit) */
  | 'constant' /* one random code throughout */
  | 'lowest' /* -2^(b-1) throughout: the largest products there are */
  | 'zeros';

/** The 32-bit word at `index` of a row of packed codes, before padding is masked; stream `key` belongs to the row. */
export function codeWord(pattern: CodePattern, key: number, index: number, bits: 4 | 8): number {
  const ones = bits === 4 ? 0x11111111 : 0x01010101;
  const signs = bits === 4 ? 0x88888888 : 0x80808080;
  switch (pattern) {
    case 'full':
      return random32(key, index);
    case 'small': {
      // Two random bits v of each code give v - 2: bit 1 and all above it are the inverse of v's bit 1.
      const r = random32(key, index);
      return (r & ones) | Math.imul(~r & (ones << 1), bits === 4 ? 7 : 127);
    }
    case 'low':
      return (random32(key, index) & random32(key ^ 1, index)) ^ signs;
    case 'high':
      return (random32(key, index) | random32(key ^ 1, index)) ^ signs;
    case 'spikes': {
      const r = random32(key, index);
      if ((r & 3) !== 0) return 0;
      const place = (r >>> 2) & (bits === 4 ? 7 : 3);
      return random32(key ^ 1, index) & ((2 ** bits - 1) << (place * bits));
    }
    case 'constant':
      return Math.imul(random32(key, 0) & (2 ** bits - 1), ones);
    case 'lowest':
      return signs;
    case 'zeros':
      return 0;
  }
}

/** The exact sum of the signed codes in a word. */
export function sumOfCodes(word: number, bits: 4 | 8): number {
  // Biased by 2^(b-1) all codes are non-negative and can be added in wider fields of the same word.
  if (bits === 4) {
    const biased = word ^ 0x88888888;
    const pairs = (biased & 0x0f0f0f0f) + ((biased >>> 4) & 0x0f0f0f0f);
    return (Math.imul(pairs, 0x01010101) >>> 24) - 64;
  }
  const biased = word ^ 0x80808080;
  const pairs = (biased & 0x00ff00ff) + ((biased >>> 8) & 0x00ff00ff);
  return (pairs & 0xffff) + (pairs >>> 16) - 512;
}
