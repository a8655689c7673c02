import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TunedTrial, TuningRecord } from '../../ir/tuning-record.ts';
import { tuningFormat } from '../../ir/tuning-record.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { randomUnit, streamKey } from '../reference/random.ts';
import { assert } from '../support/assert.ts';
import { canonicalJson } from '../support/hash.ts';
import { type Result, succeed } from '../support/result.ts';
import type { Trial } from './candidate.ts';
import { sortTrials } from './merge-records.ts';
import { readRecord } from './read-records.ts';
import { type RecordKey, recordPath } from './record-path.ts';
import type { ScheduleCandidate } from './to-candidates.ts';
import { type TuneDevice, tuneCandidates } from './tune-candidates.ts';
import { writeRecord } from './write-record.ts';

/** One problem over one range of M, with every schedule that may serve it. */
export interface TuneUnit {
  readonly key: RecordKey;
  readonly candidates: readonly ScheduleCandidate[];
  /** Keys of the candidates in use, e.g. by several variants: the one first with which a gain is told. */
  readonly present: readonly string[];
}

export interface TuneUnitOptions {
  /** Root of the records. */
  readonly root: string;
  /** Milliseconds. */
  readonly budget: number;
  /** Schedules to try, those of earlier runs included; of those in use all but the first come on top. */
  readonly most: number;
  readonly seed: number;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  /** With the part of this unit that is done, 0…1. */
  readonly onTrial?: (done: number) => void;
}

/**
 * Searches one unit and leaves its record, which is written after each trial: whatever ends the process, a second call
 * goes on where the first one was. Fails with QK571 where records cannot be written.
 */
export async function tuneUnit(
  { key, candidates, present }: TuneUnit,
  device: TuneDevice,
  options: TuneUnitOptions,
): Promise<Result<TuningRecord, Diagnostic>> {
  const { root, budget, most, seed, now, signal, onTrial } = options;
  const before = knownRecord(root, key);
  const wanted = Math.min(most + Math.max(0, present.length - 1), candidates.length);
  if (before?.search.complete === true && before.trials.length >= wanted) return succeed(before);

  const byKey = new Map(candidates.map((candidate) => [candidate.key, candidate]));
  const known = (before?.trials ?? []).map(toTrial).filter((trial) => byKey.has(trial.key));
  const trials = new Map(known.map((trial) => [trial.key, trial]));
  const start = now();
  const record = (complete: boolean): TuningRecord => ({
    format: tuningFormat,
    ...key,
    search: {
      ...{ legal: candidates.length, seed, complete },
      milliseconds: Math.round((before?.search.milliseconds ?? 0) + now() - start),
    },
    trials: sortTrials([...trials.values()].map((trial) => toTuned(trial, byKey))),
  });
  const stream = streamKey(seed, known.length);
  let drawn = 0;
  let unwritten: Diagnostic | undefined;
  const stop = new AbortController();
  await tuneCandidates(candidates, device, {
    ...{ budget, now, most: wanted, known, first: present },
    random: () => randomUnit(stream, drawn++),
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    onTrial(trial, used) {
      trials.set(trial.key, trial);
      const written = writeRecord(root, record(false));
      if (!written.ok) {
        unwritten = written.error;
        stop.abort();
      }
      onTrial?.(Math.min(1, Math.max(used, trials.size / wanted)));
    },
  });
  if (unwritten !== undefined) return { ok: false, error: unwritten };
  const complete = signal?.aborted !== true && trials.size >= wanted;
  const final = record(complete);
  const written = writeRecord(root, final);
  return written.ok ? succeed(final) : written;
}

function knownRecord(root: string, key: RecordKey): TuningRecord | undefined {
  const path = join(root, recordPath(key));
  const read = existsSync(path) ? readRecord(path) : undefined;
  return read?.ok === true ? read.value : undefined;
}

function toTrial({ schedule, modelled, ...rest }: TunedTrial): Trial {
  const key = canonicalJson(schedule);
  return rest.outcome === 'timed'
    ? { kind: 'timed', key, modelled, samples: rest.samples }
    : { kind: 'failed', key, modelled, stage: rest.stage, reason: rest.reason };
}

function toTuned(trial: Trial, byKey: ReadonlyMap<string, ScheduleCandidate>): TunedTrial {
  const schedule = byKey.get(trial.key)?.schedule;
  assert(schedule !== undefined, 'every trial is of a candidate');
  const { modelled } = trial;
  return trial.kind === 'timed'
    ? { schedule, modelled, outcome: 'timed', samples: trial.samples.map(threeDigits) }
    : { schedule, modelled, outcome: 'failed', stage: trial.stage, reason: trial.reason.slice(0, 400) };
}

/** A nanosecond is more than any clock here tells apart. */
function threeDigits(microseconds: number): number {
  return Math.max(0.001, Math.round(microseconds * 1000) / 1000);
}
