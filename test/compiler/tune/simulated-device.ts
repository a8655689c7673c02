import { randomBell, randomUnit, streamKey } from '../../../compiler/reference/random.ts';
import { fail, type Result, succeed } from '../../../compiler/support/result.ts';
import type { Candidate, FailedStage } from '../../../compiler/tune/candidate.ts';
import type { TuneDevice } from '../../../compiler/tune/tune-candidates.ts';

/** A GPU that is made up: a landscape of times over schedules, with noise, crashes, hangs and wrong results. */
export interface SimulatedDevice extends TuneDevice {
  readonly candidates: readonly Candidate[];
  /** Milliseconds that have passed on the made-up clock. */
  readonly now: () => number;
  /** Microseconds without noise; infinite where the candidate does not work. */
  readonly truth: ReadonlyMap<string, number>;
  readonly counts: { prepared: number; timed: number };
}

const tiles = [32, 64, 128, 256];
const steps = [32, 64, 128];
const stages = [2, 3, 4, 5, 6];
const warps = [1, 2, 4, 8];
const prepareMs = 800;
const hangMs = 2000;
/** Of the model's ranks with the real ones, at most. */
const mostCorrelation = 0.5;

/**
 * 200 schedules drawn from a grid of five features. Time is a smooth function of the features, drawn by `seed`, times an
 * own quirk of each schedule; the cost model is another smooth function, so that it tells little of the truth.
 */
export function simulateDevice(seed: number): SimulatedDevice {
  const key = streamKey(seed, 77);
  const grid = tiles.flatMap((n) =>
    tiles.flatMap((m) => steps.flatMap((k) => stages.flatMap((s) => warps.map((w) => [n, m, k, s, w])))),
  );
  const drawn = grid
    .map((features, index) => ({ features, rank: randomUnit(key, index) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, 200)
    .map(({ features }) => features);
  const points = drawn.map(unit);
  const faults = drawn.map((_, index) => drawFault(randomUnit(streamKey(seed, 3), index)));
  const real = points.map(smoothFunction(streamKey(seed, 1)));
  const times = real.map((value, index) =>
    faults[index] === undefined
      ? 100 * Math.exp(value) * (1 + 0.02 * randomBell(streamKey(seed, 4), index))
      : Number.POSITIVE_INFINITY,
  );
  // Drawn again until its ranks have little to do with the real ones.
  let draw = 2;
  let modelled: readonly number[];
  do {
    modelled = points.map(smoothFunction(streamKey(seed, draw)));
    draw += 10;
  } while (correlate(modelled, times) > mostCorrelation);
  const candidates = drawn.map(
    (features, index): Candidate => ({
      key: features.join('x'),
      features: features.map(Math.log2),
      modelled: 100 * Math.exp(modelled[index] ?? 0),
    }),
  );
  const truth = new Map(candidates.map(({ key: name }, index) => [name, times[index] ?? Number.NaN]));
  const fault = new Map(candidates.map(({ key: name }, index) => [name, faults[index]]));
  let clock = 0;
  let noise = 0;
  const counts = { prepared: 0, timed: 0 };
  type Prepared = Result<void, { readonly stage: FailedStage; readonly reason: string }>;
  return {
    candidates,
    truth,
    counts,
    now: () => clock,
    async prepare({ key: name }): Promise<Prepared> {
      counts.prepared++;
      clock += prepareMs;
      const kind = fault.get(name);
      if (kind === 'build') return fail({ stage: 'build', reason: 'registers are spilled' });
      if (kind === 'verify') return fail({ stage: 'verify', reason: '3 of 64 values wrong' });
      return succeed(undefined);
    },
    async time({ key: name }): Promise<Result<number, string>> {
      counts.timed++;
      const kind = fault.get(name);
      clock += kind === 'hang' ? hangMs : 50;
      if (kind === 'crash') return fail('device lost');
      if (kind === 'hang') return fail('did not end in time');
      const spread = 1 + 0.03 * Math.abs(randomBell(streamKey(seed, 5), noise++));
      return succeed((truth.get(name) ?? Number.NaN) * spread);
    },
  };
}

function drawFault(draw: number): 'build' | 'verify' | 'crash' | 'hang' | undefined {
  if (draw < 0.04) return 'build';
  if (draw < 0.07) return 'verify';
  if (draw < 0.1) return 'crash';
  return draw < 0.12 ? 'hang' : undefined;
}

/** Spearman's rank correlation of the cost model with the truth, over the candidates that work. */
function correlate(modelled: readonly number[], truth: readonly number[]): number {
  const working = [...truth.keys()].filter((index) => Number.isFinite(truth[index]));
  return spearman(
    working.map((index) => modelled[index] ?? 0),
    working.map((index) => truth[index] ?? 0),
  );
}

function unit([n = 0, m = 0, k = 0, s = 0, w = 0]: readonly number[]): readonly number[] {
  return [
    (Math.log2(n) - 5) / 3,
    (Math.log2(m) - 5) / 3,
    (Math.log2(k) - 5) / 2,
    (s - 2) / 4,
    Math.log2(w) / 3,
  ];
}

/** A valley somewhere in the cube, steeper along some features, with ripples between pairs of them and waves along each. */
function smoothFunction(key: number): (point: readonly number[]) => number {
  const middle = Array.from({ length: 5 }, (_, i) => randomUnit(key, i));
  const steep = Array.from({ length: 5 }, (_, i) => 0.2 + 2.5 * randomUnit(key, 10 + i));
  const pairs = Array.from({ length: 4 }, (_, i) => [
    Math.floor(5 * randomUnit(key, 20 + i)),
    Math.floor(5 * randomUnit(key, 30 + i)),
  ]);
  return (point) => {
    const from = point.map((value, i) => value - (middle[i] ?? 0));
    const valley = from.reduce((sum, d, i) => sum + (steep[i] ?? 0) * d * d, 0);
    const ripples = pairs.reduce(
      (sum, [a = 0, b = 0], i) =>
        sum + 0.6 * (randomUnit(key, 40 + i) - 0.5) * (from[a] ?? 0) * (from[b] ?? 0),
      0,
    );
    const waves = point.reduce((sum, value, i) => sum + 0.08 * Math.sin(9 * value + 6 * (middle[i] ?? 0)), 0);
    return valley + ripples + waves;
  };
}

/** The cost model's rank correlation with the truth. */
export function rankCorrelation({ candidates, truth }: SimulatedDevice): number {
  return correlate(
    candidates.map(({ modelled }) => modelled),
    candidates.map(({ key }) => truth.get(key) ?? 0),
  );
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const ranks = (values: readonly number[]) => {
    const order = values.map((_, index) => index).sort((x, y) => (values[x] ?? 0) - (values[y] ?? 0));
    const rank = new Array<number>(values.length).fill(0);
    for (const [place, index] of order.entries()) rank[index] = place;
    return rank;
  };
  const [left, right] = [ranks(a), ranks(b)];
  const n = a.length;
  const sum = left.reduce((total, rank, index) => total + (rank - (right[index] ?? 0)) ** 2, 0);
  return 1 - (6 * sum) / (n * (n * n - 1));
}
