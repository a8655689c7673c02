import type { Result } from '../support/result.ts';
import type { Candidate, FailedStage, Trial } from './candidate.ts';
import { medianInterval } from './median-interval.ts';
import { type Outcome, propose } from './propose.ts';
import { rankTrials } from './rank-trials.ts';

/** What candidates run on: a GPU, an adapter, or a landscape made for a test. Nothing here may throw for a candidate's fault. */
export interface TuneDevice {
  /** Builds a candidate and verifies what it computes; one that fails is never timed. */
  prepare(
    candidate: Candidate,
  ): Promise<Result<void, { readonly stage: FailedStage; readonly reason: string }>>;
  /** One launch with cold caches, in microseconds; a crash, a hang or a lost device is a reason. */
  time(candidate: Candidate): Promise<Result<number, string>>;
}

export interface TuneOptions {
  /** Milliseconds in all, more than 0. */
  readonly budget: number;
  readonly now: () => number;
  /** 0…1, for what is drawn at random. */
  readonly random: () => number;
  /** Candidates to try, those of earlier runs included; all of them if absent. */
  readonly most?: number;
  /** Keys of the candidates that are in use: tried before all others, so that a gain can be told. */
  readonly first?: readonly string[];
  /** Trials of an earlier, interrupted run: not made again. */
  readonly known?: readonly Trial[];
  readonly signal?: AbortSignal | undefined;
  /** Called after each trial with the part of the budget that is used, 0…1. */
  readonly onTrial?: (trial: Trial, used: number) => void;
}

export interface TuneOutcome {
  /** Every trial, in order, earlier ones first; finalists with all their samples. */
  readonly trials: readonly Trial[];
  /** Its key; undefined if nothing could be timed. */
  readonly best?: string;
}

/** Launches of a trial after the first, which is discarded: it loads code and warms what cannot be cold. */
export const launchesPerTrial = 3;
/** Of the budget kept for measuring the best once more. */
const finalShare = 0.1;
/** Measured again at the end. */
export const finalists = 5;
const mostFinalRounds = 15;

/**
 * Searches while the budget lasts, then measures the best few again in interleaved rounds of shuffled order, and names the
 * one of least median. An abort keeps what was found.
 */
export async function tuneCandidates(
  candidates: readonly Candidate[],
  device: TuneDevice,
  options: TuneOptions,
): Promise<TuneOutcome> {
  const { now, budget, signal, onTrial } = options;
  const start = now();
  const used = () => (now() - start) / budget;
  const byKey = new Map(candidates.map((candidate, index) => [candidate.key, index]));
  const trials = new Map<number, Trial>();
  for (const trial of options.known ?? []) {
    const index = byKey.get(trial.key);
    if (index !== undefined) trials.set(index, trial);
  }
  const first = (options.first ?? []).flatMap((key) => byKey.get(key) ?? []);
  const most = options.most ?? candidates.length;
  const isStopped = () => signal?.aborted === true;
  let begun = 0;
  // A trial is not begun if one like those before it would not end in time.
  const isTimeLeft = () => used() * (begun === 0 ? 1 : 1 + 1 / begun) < (begun === 0 ? 1 : 1 - finalShare);
  while (trials.size < most && isTimeLeft() && !isStopped()) {
    begun += 1;
    const index =
      first.find((own) => !trials.has(own)) ?? propose(candidates, outcomesOf(trials), options.random);
    const candidate = index === undefined ? undefined : candidates[index];
    if (index === undefined || candidate === undefined) break;
    const trial = await tryOut(candidate, device);
    if (trial.kind === 'failed' && isStopped()) break; // it failed because it was stopped
    trials.set(index, trial);
    onTrial?.(trial, used());
  }
  await measureFinalists(candidates, trials, device, options, used);
  const timed = [...trials.values()].flatMap((trial) => (trial.kind === 'timed' ? [trial] : []));
  const [best] = rankTrials(timed);
  return { trials: [...trials.values()], ...(best === undefined ? {} : { best: best.key }) };
}

async function tryOut(candidate: Candidate, device: TuneDevice): Promise<Trial> {
  const { key, modelled } = candidate;
  const ready = await device.prepare(candidate);
  if (!ready.ok) return { kind: 'failed', key, modelled, ...ready.error };
  const samples: number[] = [];
  for (let launch = 0; launch <= launchesPerTrial; launch++) {
    const sample = await device.time(candidate);
    if (!sample.ok) return { kind: 'failed', key, modelled, stage: 'time', reason: sample.error };
    if (launch > 0) samples.push(sample.value);
  }
  return { kind: 'timed', key, modelled, samples };
}

/** Rounds over the finalists, each in an order of its own, so that drift and neighbours fall on all alike. */
async function measureFinalists(
  candidates: readonly Candidate[],
  trials: Map<number, Trial>,
  device: TuneDevice,
  { signal, random, onTrial }: TuneOptions,
  used: () => number,
): Promise<void> {
  const isStopped = () => signal?.aborted === true;
  const ranked = [...trials].filter(([, trial]) => trial.kind === 'timed');
  ranked.sort(([, a], [, b]) => medianOf(a) - medianOf(b));
  const chosen = ranked.slice(0, finalists).map(([index]) => index);
  for (let round = 0; round < mostFinalRounds && used() < 1 && !isStopped(); round++) {
    for (const index of shuffled(chosen, random)) {
      const trial = trials.get(index);
      const candidate = candidates[index];
      if (trial?.kind !== 'timed' || candidate === undefined) continue;
      const sample = await device.time(candidate);
      if (!sample.ok && isStopped()) return;
      const { key, modelled, samples } = trial;
      trials.set(
        index,
        sample.ok
          ? { kind: 'timed', key, modelled, samples: [...samples, sample.value] }
          : { kind: 'failed', key, modelled, stage: 'time', reason: sample.error },
      );
      onTrial?.(trials.get(index) ?? trial, used());
    }
  }
}

function outcomesOf(trials: ReadonlyMap<number, Trial>): ReadonlyMap<number, Outcome> {
  return new Map(
    [...trials].map(([index, trial]) => [index, trial.kind === 'timed' ? medianOf(trial) : 'failed']),
  );
}

function medianOf(trial: Trial): number {
  return trial.kind === 'timed' ? medianInterval(trial.samples).median : Number.POSITIVE_INFINITY;
}

function shuffled(indices: readonly number[], random: () => number): readonly number[] {
  const order = [...indices];
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
  return order;
}
