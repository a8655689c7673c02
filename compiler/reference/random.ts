/** A bijection of 32-bit words with good avalanche (lowbias32 of C. Wellons' hash prospector, public domain). */
function scramble(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The key of a stream of random numbers, e.g. of one row of one tensor. Any number of parts; order matters.
 * Golden-ratio steps keep (1, 0) and (0, 1) apart.
 */
export function streamKey(...parts: readonly number[]): number {
  let key = 0x243f6a88;
  for (const part of parts) key = scramble(key + Math.imul(part, 0x9e3779b1) + 1);
  return key;
}

/** streamKey(...parts, tag, row) for small tags, remembered by tag and row: fills ask for one row's key word by word. */
export function makeStreamKeys(...parts: readonly number[]): (tag: number, row: number) => number {
  const known: number[][] = [];
  return (tag, row) => {
    known[tag] ??= [];
    const keys = known[tag];
    const key = keys[row] ?? streamKey(...parts, tag, row);
    keys[row] = key;
    return key;
  };
}

/** The `index`-th 32-bit word of stream `key`: a pure function, so any byte of any tensor can be made at any time. */
export function random32(key: number, index: number): number {
  return scramble(Math.imul(index, 0x9e3779b1) ^ key);
}

/** Uniform in [0, 1), 32 bits of resolution. */
export function randomUnit(key: number, index: number): number {
  return random32(key, index) / 4_294_967_296;
}

/** Bell-shaped, mean 0, standard deviation 1, |value| < 3.5: the sum of the word's four bytes, centred. */
export function randomBell(key: number, index: number): number {
  const word = random32(key, index);
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.8; // four bytes: variance 4 * (256^2 - 1) / 12 = 147.8^2
}
