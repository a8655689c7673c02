/** The middle of some samples, and an interval that holds the true median with about 95 % confidence. */
export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * By order statistics, which ask nothing of the noise (Hahn and Meeker, Statistical Intervals, 5.2): the ranks
 * n/2 ∓ 0.98 sqrt(n), cut to the samples there are. Under 6 samples the whole range, which is less than 95 %.
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
