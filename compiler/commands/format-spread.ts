import { leastForInterval } from '../tune/median-interval.ts';
import { formatMicroseconds } from './format-microseconds.ts';

/** Where the true median lies, as far as so many samples tell: an interval with its confidence, or no more than their range. */
export function formatSpread(
  spread: { readonly low: number; readonly high: number },
  samples: number,
): string {
  const [low, high] = [spread.low, spread.high].map(formatMicroseconds);
  return `${low}-${high} (${samples < leastForInterval ? `range of ${samples}` : '95 %'})`;
}
