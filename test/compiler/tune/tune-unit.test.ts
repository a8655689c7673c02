import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fail, succeed } from '../../../compiler/support/result.ts';
import { readRecords } from '../../../compiler/tune/read-records.ts';
import { toCandidates } from '../../../compiler/tune/to-candidates.ts';
import type { TuneDevice } from '../../../compiler/tune/tune-candidates.ts';
import { type TuneUnitOptions, tuneUnit } from '../../../compiler/tune/tune-unit.ts';
import type { Schedule } from '../../../ir/schedule.ts';
import { aRecord } from './a-record.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quikc-unit-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const schedules = [32, 64, 128, 256, 512, 1024].flatMap((threads) =>
  [1, 2, 4].map((ctasPerSm): Schedule => ({ kind: 'row', threads, ctasPerSm })),
);
const candidates = toCandidates(schedules.map((schedule, index) => ({ schedule, microseconds: 5 + index })));
const { format: _, search: __, trials: ___, ...key } = aRecord();
const unit = { key, candidates, present: [candidates[7]!.key, candidates[2]!.key] };

/** Every trial takes a second; the fastest by far is wrong. */
function device(log: string[] = []): TuneDevice & { readonly now: () => number } {
  let clock = 0;
  const wrong = candidates[3]!.key;
  return {
    now: () => clock,
    async prepare({ key: name }) {
      log.push(name);
      clock += 1000;
      return name === wrong ? fail({ stage: 'verify', reason: 'y is wrong' }) : succeed(undefined);
    },
    async time({ key: name }) {
      clock += 10;
      return succeed(name === wrong ? 0.001 : 50 - candidates.findIndex((other) => other.key === name));
    },
  };
}

function run(changes: Partial<TuneUnitOptions> = {}, log: string[] = []) {
  const fake = device(log);
  const options = { root, budget: 1e6, most: 18, seed: 1, now: fake.now, ...changes };
  return tuneUnit(unit, fake, options);
}

test('the record has every trial, the fastest right one first, and says that the search is complete', async () => {
  const result = await run();
  const record = result.ok ? result.value : undefined;
  expect(readRecords(root).records).toEqual([record]);
  expect(record?.trials).toHaveLength(18);
  expect(record?.trials[0]).toMatchObject({ schedule: schedules[17], outcome: 'timed' });
  expect(record?.trials.at(-1)).toMatchObject({ schedule: schedules[3], stage: 'verify' });
  expect(record?.search).toMatchObject({ legal: 18, complete: true });
});

test('the schedules in use are tried first, and all but one of them on top of those asked for', async () => {
  const log: string[] = [];
  await run({ most: 3 }, log);
  expect(log.slice(0, 2)).toEqual(unit.present);
  expect(new Set(log).size).toBe(4);
});

test('a second call goes on where the budget ended, and a third does nothing', async () => {
  const first: string[] = [];
  await run({ budget: 6000 }, first);
  expect(readRecords(root).records[0]?.search.complete).toBe(false);
  const second: string[] = [];
  await run({}, second);
  expect(first.length).toBeGreaterThan(2);
  expect([...first, ...second].sort()).toEqual(candidates.map((candidate) => candidate.key).sort());
  const third: string[] = [];
  expect((await run({}, third)).ok).toBe(true);
  expect(third).toEqual([]);
});

test('what was tried is on disk after each trial: whatever ends the process', async () => {
  const seen: number[] = [];
  await run({ most: 3, onTrial: () => seen.push(readRecords(root).records[0]?.trials.length ?? 0) });
  expect(seen.slice(0, 4)).toEqual([1, 2, 3, 4]);
});

test('an interruption keeps what was found, and blames no kernel for it', async () => {
  const controller = new AbortController();
  const stopping: TuneDevice = {
    ...device(),
    async prepare(candidate) {
      if (candidate.key === unit.present[0]) return succeed(undefined);
      controller.abort();
      return fail({ stage: 'time', reason: 'interrupted' });
    },
  };
  const options = { root, budget: 1e6, most: 18, seed: 1, now: () => 0, signal: controller.signal };
  const result = await tuneUnit(unit, stopping, options);
  expect(result.ok && result.value.trials.map(({ outcome }) => outcome)).toEqual(['timed']);
  expect(result.ok && result.value.search.complete).toBe(false);
});

test('a disk that takes no record ends the search at once', async () => {
  writeFileSync(join(root, 'file'), '');
  const log: string[] = [];
  const result = await run({ root: join(root, 'file') }, log);
  expect(result).toMatchObject({ ok: false, error: { code: 'QK571' } });
  expect(log).toHaveLength(1);
});
