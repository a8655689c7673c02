// Measured schedules take the place of the model's first choice, and the bundle says so.
import { describe, expect, test } from 'vitest';
import { describeChoice } from '../../../compiler/render/describe-choice.ts';
import { manifestSchema } from '../../../ir/manifest-schema.ts';
import type { Schedule } from '../../../ir/schedule.ts';
import type { TunedRange } from '../../../ir/schedule-choice.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const plain = await compileFixture(tinyLlama);
const kernel = plain.manifest.kernels.find(({ explain }) => explain[0]?.from === 17)!;
const [choice] = kernel.explain;
const { runnersUp, chosen } = choice!.report;
const slow = runnersUp.at(-1)!.schedule;

function measured(...schedules: readonly Schedule[]): TunedRange {
  const device = { kind: 'gpu', name: 'A GPU', driver: 'CUDA 13.0', software: false, smCount: 4 } as const;
  const ranked = schedules.map((schedule, index) => ({
    ...{ schedule, microseconds: 3 + index, low: 2, high: 9, samples: 5, modelled: 1 },
  }));
  return { device, clock: 'cuda-events', tokens: 32, sameTemplates: true, ranked, tried: 7, failed: 2 };
}

const compileWith = (range: TunedRange) =>
  compileFixture(tinyLlama, {
    tuned: {
      digest: 'x',
      find: (problem, { from }) => (problem === kernel.problemHash && from === 17 ? range : undefined),
    },
  });
const choiceOf = async (range: TunedRange) => {
  const { manifest } = await compileWith(range);
  const own = manifest.kernels.filter(({ problemHash }) => problemHash === kernel.problemHash);
  const found = own.find(({ explain }) => explain.some(({ from }) => from === 17))!;
  return { manifest, kernel: found, report: found.explain.find(({ from }) => from === 17)!.report };
};

describe('a measured schedule', () => {
  test('is chosen though the model likes another better', async () => {
    const found = await choiceOf(measured(slow, chosen.schedule));
    expect(found.kernel.spec.schedule).toEqual(slow);
    expect(found.report.tuned).toMatchObject({ tried: 7, chosen: { microseconds: 3 } });
    expect(found.report.tuned?.runnersUp.map(({ schedule }) => schedule)).toEqual([chosen.schedule]);
    expect(found.report.chosen.microseconds).toBeGreaterThan(chosen.microseconds);
    expect(found.report.runnersUp.map(({ schedule }) => schedule)).not.toContainEqual(slow);
    expect(manifestSchema.safeParse(JSON.parse(JSON.stringify(found.manifest))).error).toBeUndefined();
  });

  test('that is legal no more gives way to the next', async () => {
    const illegal = { ...slow, stages: 99 } as Schedule;
    expect((await choiceOf(measured(illegal, slow))).kernel.spec.schedule).toEqual(slow);
    const found = await choiceOf(measured(illegal));
    expect(found.kernel.spec.schedule).toEqual(chosen.schedule);
    expect(found.report.tuned).toBeUndefined();
  });

  test('leaves every other choice as it was', async () => {
    const { manifest } = await choiceOf(measured(slow));
    const others = (of: typeof manifest) =>
      of.kernels.filter(({ problemHash }) => problemHash !== kernel.problemHash).map(({ id }) => id);
    expect(others(manifest)).toEqual(others(plain.manifest));
  });

  test('is told of in the banner of its kernel', async () => {
    const { report } = await choiceOf(measured(slow));
    expect(describeChoice([{ from: 17, to: 32, report }])[0]).toBe(
      'M 17-32: measured 3.0 us at M = 32 on A GPU, best of 7 tried',
    );
  });
});
