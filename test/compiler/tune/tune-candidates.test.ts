import { describe, expect, test } from 'vitest';
import { randomUnit, streamKey } from '../../../compiler/reference/random.ts';
import type { Trial } from '../../../compiler/tune/candidate.ts';
import { medianInterval } from '../../../compiler/tune/median-interval.ts';
import { type Outcome, propose } from '../../../compiler/tune/propose.ts';
import { tuneCandidates } from '../../../compiler/tune/tune-candidates.ts';
import { rankCorrelation, type SimulatedDevice, simulateDevice } from './simulated-device.ts';

/** Enough to prepare and time 40 candidates, once each. */
const budget = 40 * (800 + 4 * 50);

function stream(seed: number): () => number {
  let index = 0;
  return () => randomUnit(streamKey(seed, 9), index++);
}

function tune(device: SimulatedDevice, seed: number, known: readonly Trial[] = []) {
  return tuneCandidates(device.candidates, device, { budget, now: device.now, random: stream(seed), known });
}

function drawWithoutReplacement<T>(all: readonly T[], count: number, random: () => number): readonly T[] {
  const left = [...all];
  return Array.from({ length: count }, () => left.splice(Math.floor(left.length * random()), 1)).flat();
}

/** How much slower the best of some candidates is than the best of all. */
function lossOf({ truth }: SimulatedDevice, keys: readonly string[]): number {
  const best = Math.min(...truth.values());
  return Math.min(...keys.map((key) => truth.get(key) ?? Number.POSITIVE_INFINITY)) / best - 1;
}

describe('on landscapes that the cost model does not know', async () => {
  const seeds = Array.from({ length: 100 }, (_, seed) => seed + 1);
  const runs = await Promise.all(
    seeds.map(async (seed) => {
      const device = simulateDevice(seed);
      const { best, trials } = await tune(device, seed);
      const favourites = [...device.candidates].sort((a, b) => a.modelled - b.modelled).slice(0, 40);
      const random = stream(1000 + seed);
      const drawn = drawWithoutReplacement(device.candidates, 40, random);
      return {
        correlation: rankCorrelation(device),
        tuned: lossOf(device, best === undefined ? [] : [best]),
        byModel: lossOf(
          device,
          favourites.map(({ key }) => key),
        ),
        byChance: lossOf(
          device,
          drawn.map(({ key }) => key),
        ),
        trials,
        device,
      };
    }),
  );
  const near = (losses: readonly number[]) => losses.filter((loss) => loss <= 0.05).length;

  test('the model ranks as badly as it is meant to', () => {
    for (const { correlation } of runs) expect(correlation).toBeLessThanOrEqual(0.5);
  });

  test('it ends within 5 % of the best in at least 80 of 100, more often than the model or chance', () => {
    const tuned = near(runs.map((run) => run.tuned));
    expect(tuned).toBeGreaterThanOrEqual(80);
    expect(tuned).toBeGreaterThan(near(runs.map((run) => run.byModel)));
    expect(tuned).toBeGreaterThan(near(runs.map((run) => run.byChance)));
  });

  test('it times no more than its budget allows, and looks beyond the favourites of the model', () => {
    for (const { trials, device } of runs) {
      expect(trials.length).toBeLessThanOrEqual(40);
      expect(trials.length).toBeGreaterThanOrEqual(25);
      expect(device.now()).toBeLessThan(1.06 * budget);
      const rank = new Map(
        [...device.candidates].sort((a, b) => a.modelled - b.modelled).map(({ key }, index) => [key, index]),
      );
      const beyond = trials.filter(({ key }) => (rank.get(key) ?? 0) >= 40).length;
      expect(beyond / trials.length).toBeGreaterThan(0.2);
    }
  });

  test('a wrong, crashing or hanging candidate is told as such, and never wins', () => {
    const stages = new Set<string>();
    for (const { trials, tuned, device } of runs) {
      expect(tuned).toBeLessThan(Number.POSITIVE_INFINITY);
      for (const trial of trials) {
        const works = Number.isFinite(device.truth.get(trial.key));
        expect([trial.key, trial.kind]).toEqual([trial.key, works ? 'timed' : 'failed']);
        if (trial.kind === 'failed') stages.add(trial.stage);
      }
    }
    expect([...stages].sort()).toEqual(['build', 'time', 'verify']);
  });
});

test('after the first eight, every fifth trial is drawn at random from all that are left, whatever is believed', () => {
  const { candidates, truth } = simulateDevice(11);
  const outcomes = candidates.map(({ key }): Outcome => {
    const time = truth.get(key) ?? Number.NaN;
    return Number.isFinite(time) ? time : 'failed';
  });
  const drawn = Array.from({ length: 32 }, (_, index) => 8 + index).filter((count) => {
    const known = new Map(outcomes.slice(0, count).entries());
    const picks = [0, 0.5, 0.999].map((draw) => propose(candidates, known, () => draw));
    const left = candidates.length - count;
    const fromAll = [0, 0.5, 0.999].map((draw) => count + Math.floor(draw * left));
    if (new Set(picks).size > 1) expect(picks).toEqual(fromAll);
    return new Set(picks).size > 1;
  });
  expect(drawn).toEqual([10, 15, 20, 25, 30, 35]);
});

test('an interrupted run goes on where it was: nothing is tried twice', async () => {
  const device = simulateDevice(7);
  const controller = new AbortController();
  const first = await tuneCandidates(device.candidates, device, {
    ...{ budget, now: device.now, random: stream(7), signal: controller.signal },
    onTrial: (_, used) => used > 0.3 && controller.abort(),
  });
  expect(first.best).toBeDefined();
  expect(first.trials.length).toBeLessThan(20);
  const prepared = device.counts.prepared;
  const rest = await tune(device, 8, first.trials);
  const keys = rest.trials.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.slice(0, first.trials.length)).toEqual(first.trials.map(({ key }) => key));
  expect(device.counts.prepared - prepared).toBe(keys.length - first.trials.length);
});

test('where nothing works there is no best', async () => {
  const device = simulateDevice(3);
  const broken = { ...device, time: async () => ({ ok: false, error: 'device lost' }) as const };
  const { best, trials } = await tuneCandidates(device.candidates, broken, {
    ...{ budget: 20_000, now: device.now, random: stream(3) },
  });
  expect(best).toBeUndefined();
  expect(trials.every(({ kind }) => kind === 'failed')).toBe(true);
});

test('a median comes with an interval that holds it', () => {
  expect(medianInterval([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
  expect(medianInterval([4, 1, 2, 3]).median).toBe(2.5);
  const random = stream(5);
  let held = 0;
  for (let trial = 0; trial < 400; trial++) {
    const { low, high } = medianInterval(Array.from({ length: 15 }, () => random()));
    if (low <= 0.5 && high >= 0.5) held++;
  }
  expect(held / 400).toBeGreaterThan(0.92);
});
