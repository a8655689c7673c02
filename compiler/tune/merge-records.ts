import type { TunedTrial, TuningRecord } from '../../ir/tuning-record.ts';
import { canonicalJson } from '../support/hash.ts';
import { rankTrials } from './rank-trials.ts';
import { recordPath } from './record-path.ts';

/** Records of one thing each: those of equal keys become one, with all their trials. In order of first appearance. */
export function mergeRecords(records: readonly TuningRecord[]): readonly TuningRecord[] {
  const merged = new Map<string, TuningRecord>();
  for (const record of records) {
    const path = recordPath(record);
    const known = merged.get(path);
    merged.set(path, known === undefined ? record : mergeTwo(known, record));
  }
  return [...merged.values()];
}

function mergeTwo(a: TuningRecord, b: TuningRecord): TuningRecord {
  const trials = new Map<string, TunedTrial>();
  for (const trial of [...a.trials, ...b.trials]) {
    const key = canonicalJson(trial.schedule);
    const known = trials.get(key);
    trials.set(key, known === undefined ? trial : better(known, trial));
  }
  return {
    ...a,
    search: {
      legal: Math.max(a.search.legal, b.search.legal),
      seed: b.search.seed,
      milliseconds: a.search.milliseconds + b.search.milliseconds,
      complete: a.search.complete || b.search.complete,
    },
    trials: sortTrials([...trials.values()]),
  };
}

/** A kernel once found wrong stays out, whatever else was seen; a crash may have been the machine's. */
function better(a: TunedTrial, b: TunedTrial): TunedTrial {
  const wrong = [a, b].find((trial) => trial.outcome === 'failed' && trial.stage === 'verify');
  if (wrong !== undefined) return wrong;
  if (a.outcome === 'failed') return b;
  if (b.outcome === 'failed') return a;
  return b.samples.length >= a.samples.length ? b : a;
}

/** As records have them: timed ones by their rank, then what failed. */
export function sortTrials(trials: readonly TunedTrial[]): readonly TunedTrial[] {
  const timed = rankTrials(trials.flatMap((trial) => (trial.outcome === 'timed' ? [trial] : [])));
  const failed = trials.filter(({ outcome }) => outcome === 'failed');
  return [...timed.map(({ median, low, high, ...trial }) => trial), ...failed];
}
