import type { Schedule } from '../../ir/schedule.ts';
import { canonicalJson } from '../support/hash.ts';
import type { Candidate } from './candidate.ts';

/** A schedule and the microseconds that the cost model gives it. */
export interface ModelledSchedule {
  readonly schedule: Schedule;
  readonly microseconds: number;
}

export interface ScheduleCandidate extends Candidate {
  readonly schedule: Schedule;
}

/**
 * Schedules as points: sizes by their logarithm, for twice is as far as twice again; words by their number among the words
 * of that field; 0 for a field that a schedule of another kind has.
 */
export function toCandidates(schedules: readonly ModelledSchedule[]): readonly ScheduleCandidate[] {
  const entries = schedules.map(({ schedule }) => new Map<string, unknown>(Object.entries(schedule)));
  const fields = [...new Set(entries.flatMap((entry) => [...entry.keys()]))].sort();
  const words = new Map(
    fields.map((field) => [field, [...new Set(entries.map((entry) => entry.get(field)))].map(String).sort()]),
  );
  return schedules.map(({ schedule, microseconds }, index) => ({
    key: canonicalJson(schedule),
    features: fields.map((field) => feature(entries[index]?.get(field), words.get(field) ?? [])),
    modelled: microseconds,
    schedule,
  }));
}

function feature(value: unknown, words: readonly string[]): number {
  if (typeof value === 'number') return Math.log2(1 + value);
  return value === undefined ? 0 : 1 + words.indexOf(String(value));
}
