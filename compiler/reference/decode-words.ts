import type { CodeRows } from './integer-product.ts';

/** Writes the signed codes of `words` packed words to row `row` of `into`. */
export function decodeWords(
  into: CodeRows,
  row: number,
  bits: 4 | 8,
  words: number,
  word: (index: number) => number,
): void {
  const { codes } = into;
  let at = row * into.stride;
  for (let w = 0; w < words; w++) {
    const value = word(w);
    // Shifting a code to the top and back down extends its sign.
    for (let shift = 32 - bits; shift >= 0; shift -= bits) codes[at++] = (value << shift) >> (32 - bits);
  }
}
