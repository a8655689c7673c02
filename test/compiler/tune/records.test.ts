import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockFolder } from '../../../compiler/tune/lock-folder.ts';
import { mergeRecords } from '../../../compiler/tune/merge-records.ts';
import { readRecords } from '../../../compiler/tune/read-records.ts';
import { recordPath } from '../../../compiler/tune/record-path.ts';
import { writeRecord } from '../../../compiler/tune/write-record.ts';
import { aRecord, aTrial } from './a-record.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quikc-records-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const written = (record = aRecord()) => {
  const result = writeRecord(root, record);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
};

describe('a record', () => {
  test('is read back as it was written, and nothing else is left beside it', () => {
    const path = written();
    expect(readRecords(root)).toEqual({ records: [aRecord()], warnings: [] });
    expect(readdirSync(dirname(path))).toHaveLength(1);
  });

  test('takes the place of an older one of the same key, and of no other', () => {
    written();
    written(aRecord({ trials: [] }));
    written(aRecord({ tokens: { from: 2, at: 2048 } }));
    written(aRecord({ device: { ...aRecord().device, driver: 'CUDA 13.1' } }));
    expect(
      readRecords(root)
        .records.map(({ trials }) => trials.length)
        .sort(),
    ).toEqual([0, 3, 3]);
  });

  test('stays below the root whatever its device is called', () => {
    for (const name of ['../../etc', 'a/b', '\n', 'ü', 'x'.repeat(500)]) {
      const path = recordPath(aRecord({ device: { ...aRecord().device, name } }));
      expect(path).toMatch(/^sm80\/[A-Za-z0-9-]{1,60}\/quantize-[0-9a-f]{12}-m1-[0-9a-f]{8}\.json$/);
    }
  });

  test.each([
    ['no JSON', 'not JSON', '{'],
    ['another format', '/format', JSON.stringify({ ...aRecord(), format: 2 })],
    ['an unknown field', 'Unrecognized key', JSON.stringify({ ...aRecord(), extra: 1 })],
    ['a time below zero', '/trials/0', JSON.stringify(aRecord({ trials: [aTrial(32, -5)] }))],
    ['nothing timed in a timed trial', '/trials/0', JSON.stringify(aRecord({ trials: [aTrial(32, 5, 0)] }))],
  ])('with %s is passed over and told of', (_, why, text) => {
    const path = written();
    writeFileSync(join(dirname(path), 'broken.json'), text);
    const { records, warnings } = readRecords(root);
    expect(records).toHaveLength(1);
    expect(warnings.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['QK570 warning']);
    expect(warnings[0]?.message).toContain(why);
  });

  test('is a plain file: a pipe of that name is not waited for', () => {
    mkdirSync(join(root, 'sm80'));
    execFileSync('mkfifo', [join(root, 'sm80', 'pipe.json')]);
    expect(readRecords(root)).toEqual({ records: [], warnings: [] });
  });

  test('that cannot be written leaves the old one', () => {
    const path = written();
    const before = readFileSync(path, 'utf8');
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(writeRecord(file, aRecord())).toMatchObject({ ok: false, error: { code: 'QK571' } });
    expect(readFileSync(path, 'utf8')).toBe(before);
  });
});

describe('records of one key', () => {
  test('become one, the better measured trial of each schedule in it, fastest first', () => {
    const here = aRecord({ trials: [aTrial(32, 20, 3), aTrial(64, 10, 3)] });
    const there = aRecord({ trials: [aTrial(32, 7, 9), aTrial(256, 8, 9), aTrial(64, 'time')] });
    const [merged, ...more] = mergeRecords([here, there]);
    expect(more).toEqual([]);
    expect(merged?.trials).toEqual([aTrial(32, 7, 9), aTrial(256, 8, 9), aTrial(64, 10, 3)]);
    expect(merged?.search.milliseconds).toBe(200);
  });

  test('keep a schedule out that was wrong in one of them', () => {
    const here = aRecord({ trials: [aTrial(32, 'verify')] });
    const there = aRecord({ trials: [aTrial(32, 7)] });
    for (const pair of [
      [here, there],
      [there, here],
    ])
      expect(mergeRecords(pair)[0]?.trials).toEqual([aTrial(32, 'verify')]);
  });

  test('and only those: another device or range stays apart', () => {
    const other = aRecord({ device: { ...aRecord().device, name: 'NVIDIA H100' } });
    expect(mergeRecords([aRecord(), other, aRecord({ tokens: { from: 1, to: 8, at: 8 } })])).toHaveLength(3);
  });
});

describe('lockFolder', () => {
  test('lets one in, and the next when that one has left', () => {
    const first = lockFolder(root);
    expect(lockFolder(root)).toMatchObject({ ok: false, error: { code: 'QK572' } });
    if (first.ok) first.value();
    expect(lockFolder(root).ok).toBe(true);
  });

  test('does not wait for a process that is no more', () => {
    const gone = execFileSync(process.execPath, ['-e', 'console.log(process.pid)'], { encoding: 'utf8' });
    writeFileSync(join(root, '.tuning'), gone);
    expect(lockFolder(root).ok).toBe(true);
  });

  test('says where it cannot', () => {
    writeFileSync(join(root, 'file'), '');
    expect(lockFolder(join(root, 'file'))).toMatchObject({ ok: false, error: { code: 'QK571' } });
  });
});
