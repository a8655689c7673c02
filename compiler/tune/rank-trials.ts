import { type MedianInterval, medianInterval } from './median-interval.ts';

/** Something that was timed. */
export interface Timed {
  readonly samples: readonly number[];
}

/**
 * Shortest median first. What was timed less than half as often as the most goes behind: of many single looks one is
 * always lucky, and the finalists were looked at again for that reason.
 */
export function rankTrials<T extends Timed>(trials: readonly T[]): readonly (T & MedianInterval)[] {
  const most = Math.max(0, ...trials.map(({ samples }) => samples.length));
  const measured = trials.map((trial) => ({ ...trial, ...medianInterval(trial.samples) }));
  const often = ({ samples }: Timed): boolean => 2 * samples.length >= most;
  return measured.sort((a, b) => Number(often(b)) - Number(often(a)) || a.median - b.median);
}
