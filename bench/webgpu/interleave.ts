import { random32, streamKey } from '../../compiler/reference/random.ts';

/** Median milliseconds of each contestant over `rounds` rounds; a round runs all of them, in an order of its own. */
export async function interleave(
  contestants: readonly (() => Promise<unknown>)[],
  rounds: number,
  warmUp = 2,
): Promise<readonly number[]> {
  const times = contestants.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    const key = streamKey(round + warmUp);
    const order = contestants.map((_, index) => index).sort((a, b) => random32(key, a) - random32(key, b));
    for (const index of order) {
      const started = performance.now();
      await contestants[index]?.();
      if (round >= 0) times[index]?.push(performance.now() - started);
    }
  }
  return times.map(median);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
