/** From so many samples on the interval holds the true median with 95 % confidence; three hold it with 75. */
export const leastForInterval = 6;

/** The middle of some samples, and where the true median lies. */
export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * By order statistics, which ask nothing of the noise (Hahn and Meeker, Statistical Intervals, 5.2): the ranks
 * n/2 ∓ 0.98 sqrt(n), cut to the samples there are. Of few samples it is their range, which under 6 holds it less often.
 */
export function medianInterval(samples: readonly number[]): MedianInterval {
  const sorted = [...samples].sort((a, b) => a - b);
  const n = sorted.length;
  const at = (rank: number): number => sorted[Math.min(Math.max(rank, 0), n - 1)] ?? Number.NaN;
  const reach = 0.98 * Math.sqrt(n);
  const median = (at(Math.floor((n - 1) / 2)) + at(Math.ceil((n - 1) / 2))) / 2;
  return {
    median,
    low: at(Math.floor((n - 1) / 2 - reach)),
    high: at(Math.ceil((n - 1) / 2 + reach)),
  };
}
