const WORDS_OF_BANK = Array.from({ length: 32 }, () => new Int32Array(32));
const COUNT = new Int32Array(32);

/**
 * Passes over shared memory's 32 banks of 4 bytes for one warp access of `bytes` a lane at `offsets` (-1: lane off).
 * 8- and 16-byte accesses go a half and a quarter warp at a time; within a pass a bank serves one word, to any
 * number of lanes.
 */
export function countWavefronts(offsets: Int32Array, bytes: number): number {
  const words = Math.max(1, bytes >> 2);
  const lanesAtOnce = 32 / words;
  let total = 0;
  for (let first = 0; first < 32; first += lanesAtOnce) {
    let worst = 0;
    COUNT.fill(0);
    for (let lane = first; lane < first + lanesAtOnce; lane += 1) {
      const offset = offsets[lane] ?? -1;
      if (offset < 0) continue;
      for (let k = 0; k < words; k += 1) {
        const word = (offset >> 2) + k;
        const bank = word & 31;
        const seen = WORDS_OF_BANK[bank];
        if (seen === undefined) continue;
        const count = COUNT[bank] ?? 0;
        let i = 0;
        while (i < count && seen[i] !== word) i += 1;
        if (i < count) continue;
        seen[count] = word;
        COUNT[bank] = count + 1;
        if (count + 1 > worst) worst = count + 1;
      }
    }
    total += worst;
  }
  return total;
}

/** The least passes: one for each group of lanes that has an active one. */
export function idealWavefronts(mask: number, bytes: number): number {
  const lanesAtOnce = 32 / Math.max(1, bytes >> 2);
  if (mask === -1) return 32 / lanesAtOnce;
  let total = 0;
  const group = lanesAtOnce === 32 ? -1 : (1 << lanesAtOnce) - 1;
  for (let first = 0; first < 32; first += lanesAtOnce) if ((mask >>> first) & group) total += 1;
  return total;
}

/** Whether all 32 lanes touch `bytes` each, side by side: no conflict, and nothing to compute. */
export function isContiguous(offsets: Int32Array, bytes: number): boolean {
  const first = offsets[0] ?? -1;
  if (first < 0) return false;
  for (let lane = 1; lane < 32; lane += 1) if (offsets[lane] !== first + lane * bytes) return false;
  return true;
}
