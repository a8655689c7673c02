// Each variant takes of what was measured the fastest that devices with no more than it asks for can run.
import { describe, expect, test } from 'vitest';
import { manifestSchema } from '../../../ir/manifest-schema.ts';
import type { WgslLinearSchedule } from '../../../ir/schedule.ts';
import type { MeasuredSchedule, TunedRange } from '../../../ir/schedule-choice.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const plain = await compileFixture(tinyLlama, { target: webgpu });
const range = { from: 33, to: 128 };
const problem = plain.manifest.kernels.find(
  ({ family, spec, explain }) =>
    family === 'linear' && spec.problem.dtype === 'f16' && explain.some(({ from }) => from === range.from),
)!.problemHash;

const tile = { kind: 'register-tile', channelThreads: 8, tokenThreads: 4, tokensPerThread: 4 } as const;
const row = { kind: 'broadcast-tile', threads: 32, tokens: 8, lanes: 4 } as const;
const fastest = {
  'f16-subgroups': { ...row, dot: 'packed', halves: 'vectors' },
  f16: { ...tile, dot: 'packed', halves: 'vectors' },
  subgroups: { ...row, dot: 'packed', halves: 'words' },
  base: { ...tile, dot: 'packed', halves: 'words' },
  scalar: { ...tile, dot: 'scalar', halves: 'words' },
} as const satisfies Readonly<Record<string, WgslLinearSchedule>>;

/** As if measured on an adapter with all features, in this order. */
function record(...schedules: readonly WgslLinearSchedule[]): TunedRange {
  const device = { kind: 'adapter', name: 'An adapter', driver: '', software: false } as const;
  const ranked = schedules.map(
    (schedule, index): MeasuredSchedule => ({
      ...{ schedule, microseconds: 3 + index, low: 2, high: 9, samples: 5, modelled: 1 },
    }),
  );
  return {
    ...{ device, clock: 'timestamp-query', tokens: 64, sameTemplates: true, ranked, tried: 9, failed: 0 },
  };
}

/** Each variant's kernel at M = 33. */
async function chosenFrom(found: TunedRange) {
  const { manifest } = await compileFixture(tinyLlama, {
    target: webgpu,
    tuned: {
      digest: 'x',
      find: (hash, { from }) => (hash === problem && from === range.from ? found : undefined),
    },
  });
  expect(manifestSchema.safeParse(JSON.parse(JSON.stringify(manifest))).error).toBeUndefined();
  const chosen = webgpu.variants.map(({ name }) => {
    const launched = manifest.sites
      .flatMap(({ buckets }) => buckets)
      .filter(({ variant, from, to = 1e9 }) => variant === name && from <= range.from && range.from <= to)
      .flatMap(({ launches }) => launches.filter((launch) => launch.problem === problem));
    return [name, manifest.kernels.find(({ id }) => id === launched[0]?.kernel)!] as const;
  });
  return Object.fromEntries(chosen);
}

const byModel = await chosenFrom(record());

describe('of a record of an adapter that has everything', () => {
  test('each variant takes its fastest', async () => {
    const chosen = await chosenFrom(record(...Object.values(fastest)));
    for (const [variant, schedule] of Object.entries(fastest))
      expect(chosen[variant]?.spec.schedule, variant).toEqual(schedule);
  });

  test('a slower schedule that asks for less wins nowhere else', async () => {
    const chosen = await chosenFrom(record(fastest.base, fastest['f16-subgroups'], fastest.scalar));
    const { base, scalar } = fastest;
    const schedules = Object.entries(chosen).map(([variant, { spec }]) => [variant, spec.schedule]);
    expect(Object.fromEntries(schedules)).toEqual({
      ...{ scalar, base, subgroups: base, f16: base, 'f16-subgroups': base },
    });
  });

  test('variants for which nothing was measured go by the model, and say so', async () => {
    const chosen = await chosenFrom(record(fastest['f16-subgroups']));
    for (const [variant, kernel] of Object.entries(chosen)) {
      const measured = variant === 'f16-subgroups';
      expect(kernel.spec.schedule, variant).toEqual(
        measured ? fastest['f16-subgroups'] : byModel[variant]?.spec.schedule,
      );
      const own = kernel.explain.find(({ from }) => from === range.from);
      expect(own?.report.tuned !== undefined, variant).toBe(measured);
    }
  });

  test('subgroups larger than a variant promises are nobody\u2019s', async () => {
    const wide = { ...fastest['f16-subgroups'], lanes: 8 } as const;
    const chosen = await chosenFrom(record(wide));
    for (const [variant, { spec }] of Object.entries(chosen))
      expect(spec.schedule, variant).toEqual(byModel[variant]?.spec.schedule);
  });
});
