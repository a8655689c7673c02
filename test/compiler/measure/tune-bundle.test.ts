import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cudaFamilies } from '../../../compiler/families/index.ts';
import type { MeasurePlane, UnitWork } from '../../../compiler/measure/measure-plane.ts';
import { tuneBundle } from '../../../compiler/measure/tune-bundle.ts';
import { loadTemplates } from '../../../compiler/render/load-templates.ts';
import { fail, succeed } from '../../../compiler/support/result.ts';
import type { TuneDevice } from '../../../compiler/tune/tune-candidates.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'quikc tune bundle '));
afterAll(() => rmSync(root, { recursive: true }));
const { manifest } = await compileFixture(tinyLlama);
/** Three problems of few schedules. */
const kernels = manifest.kernels.filter(({ family }) => family === 'quantize');

function planeOf(searches: number, deviceOf: (work: UnitWork) => TuneDevice): MeasurePlane {
  return {
    ...{ searches, target: sm80, timedTokens: (_range, representative) => representative },
    device: { kind: 'model', name: 'test', driver: '', software: false },
    toolchain: { tool: 'nvcc', version: '0', identity: '0'.repeat(64) },
    policy: { clock: 'modelled', rotatedBytes: 0, launchesPerTrial: 3, finalists: 5 },
    open: (work) => ({ device: deviceOf(work), close: () => undefined }),
    close: () => undefined,
  };
}

function search(name: string, plane: MeasurePlane, budget: number, graceMs: number) {
  const { signal } = new AbortController();
  return tuneBundle({
    ...{
      kernels,
      sites: manifest.sites,
      plane,
      families: cudaFamilies,
      templates: loadTemplates('templates'),
    },
    ...{ root: join(root, name), lockRoot: join(root, 'locks'), budget, graceMs, most: 2, seed: 1, signal },
    onFraction: () => undefined,
  });
}

test('a trial that does not end is given up once the time of its unit and the grace are over', async () => {
  const hung = (work: UnitWork): TuneDevice => ({
    prepare: () =>
      new Promise((resolve) => {
        const stop = () => resolve(fail({ stage: 'build', reason: 'stopped' }));
        if (work.signal.aborted) stop();
        work.signal.addEventListener('abort', stop);
      }),
    time: async () => succeed(1),
  });
  const started = performance.now();
  const tuned = await search('hung', planeOf(2, hung), 60, 40);
  expect(performance.now() - started).toBeLessThan(5000);
  if (!tuned.ok) throw new Error(tuned.error.message);
  // What was stopped is no failed schedule.
  expect(tuned.value.tuned.flatMap(({ record }) => record.trials)).toEqual([]);
  expect(tuned.value.unsearched).toBeGreaterThan(0);
});

test('as many units are searched side by side as the plane takes, and all of them come out in order', async () => {
  let open = 0;
  let most = 0;
  const device: TuneDevice = {
    prepare: async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 2));
      open -= 1;
      return succeed(undefined);
    },
    time: async () => succeed(1),
  };
  const tuned = await search(
    'lanes',
    planeOf(3, () => device),
    60_000,
    0,
  );
  if (!tuned.ok) throw new Error(tuned.error.message);
  expect(most).toBe(3);
  expect(tuned.value.unsearched).toBe(0);
  for (const { unit, record } of tuned.value.tuned) expect(record.tokens).toEqual(unit.key.tokens);
  expect(tuned.value.tuned.every(({ record }) => record.trials.length > 0)).toBe(true);
});
