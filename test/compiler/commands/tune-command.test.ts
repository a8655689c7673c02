import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTuneOptions } from '../../../compiler/commands/read-tune-options.ts';
import { tune } from '../../../compiler/commands/tune.ts';
import { tuneMerge } from '../../../compiler/commands/tune-merge.ts';
import { writeBundle } from '../../../compiler/package/write-bundle.ts';
import { readRecords } from '../../../compiler/tune/read-records.ts';
import { writeRecord } from '../../../compiler/tune/write-record.ts';
import { webgpu } from '../../../targets/webgpu.ts';
import { compileFixture, tinyLlama } from '../compile-fixture.ts';
import { aRecord, aTrial } from '../tune/a-record.ts';
import { runCommand } from './run-command.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quikc-tune-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('readTuneOptions', () => {
  test.each([
    ['90s', 90_000],
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
  ])('understands a budget of %s', (budget, milliseconds) => {
    expect(readTuneOptions({ budget })).toMatchObject({
      ok: true,
      value: { budget: milliseconds, most: 12 },
    });
  });

  test.each([
    { budget: '2' },
    { budget: '0s' },
    { budget: '-1m' },
    { budget: '25h' },
    { budget: 'Infinitys' },
    { top: '0' },
    { top: '1e3' },
    { device: '-1' },
    { seed: 'x' },
  ])('refuses %o', async (options) => {
    const { code, err } = await runCommand((context) =>
      tune('absent', options, context, new URL('file:///')),
    );
    expect(code).toBe(2);
    expect(err).toContain('QK573');
  });
});

test('what is no bundle cannot be tuned', async () => {
  const { code, err } = await runCommand((context) => tune(root, {}, context, new URL('file:///')));
  expect([code, err.includes('QK560')]).toEqual([1, true]);
});

test('without an adapter nothing is said of a bundle: exit code 3, as verify has it', async () => {
  const { files } = await compileFixture(tinyLlama, { target: webgpu });
  writeBundle(join(root, 'bundle'), files);
  const dawn = join(root, 'dawn');
  mkdirSync(dawn);
  writeFileSync(join(dawn, 'package.json'), '{ "version": "0.0.0", "type": "module" }');
  copyFileSync('test/compiler/measure/fake-webgpu.mjs', join(dawn, 'index.js'));
  const env = { ...process.env, QUIKC_DAWN: dawn, FAKE_ADAPTER: 'none', QUIKC_CACHE: join(root, 'cache') };
  const { code, err } = await runCommand(
    (context) => tune(join(root, 'bundle'), {}, context, new URL('file:///')),
    env,
  );
  expect([code, err.includes('QK703')]).toEqual([3, true]);
});

describe('tune merge', () => {
  const merge = (...sources: readonly string[]) =>
    runCommand(async (context) => tuneMerge(sources, { records: join(root, 'own') }, context));

  test('puts records beside the own ones, and trials of equal things together', async () => {
    const here = writeRecord(join(root, 'own'), aRecord({ trials: [aTrial(32, 5)] }));
    writeRecord(join(root, 'there'), aRecord({ trials: [aTrial(64, 4)] }));
    writeRecord(join(root, 'there'), aRecord({ tokens: { from: 9, at: 9 } }));
    expect(here.ok).toBe(true);
    expect(await merge(join(root, 'there'))).toMatchObject({ code: 0, err: '' });
    const { records } = readRecords(join(root, 'own'));
    expect(records.map(({ trials }) => trials.length).sort()).toEqual([2, 3]);
    expect(records.find(({ trials }) => trials.length === 2)?.trials).toEqual([aTrial(64, 4), aTrial(32, 5)]);
  });

  test('takes single files, and refuses what has no record without touching the own ones', async () => {
    const single = writeRecord(join(root, 'there'), aRecord());
    const file = join(root, 'notes.txt');
    writeFileSync(file, 'mine');
    const refused = await merge(single.ok ? single.value : '', file);
    expect([refused.code, refused.err.includes('QK574'), refused.err.includes('QK570')]).toEqual([
      1,
      true,
      true,
    ]);
    expect(readRecords(join(root, 'own')).records).toEqual([]);
    expect(await merge(single.ok ? single.value : '')).toMatchObject({ code: 0 });
    expect(readRecords(join(root, 'own')).records).toHaveLength(1);
    expect((await merge(join(root, 'absent'))).code).toBe(1);
  });
});
