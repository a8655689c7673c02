import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseReply } from '../../../compiler/device/parse-reply.ts';

const compiler = 'g++';
const folder = mkdtempSync(join(tmpdir(), 'quikc job '));
beforeAll(() => {
  const source = join(import.meta.dirname, '../../../compiler/device/runner.cpp');
  execFileSync(compiler, [
    '-std=c++17',
    '-Wall',
    '-Wextra',
    '-Wpedantic',
    '-Werror',
    '-o',
    join(folder, 'runner'),
    source,
    '-ldl',
  ]);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

function run(text: string | undefined, ...more: string[]) {
  if (text !== undefined) writeFileSync(join(folder, 'job.txt'), text);
  const env = { QUIKC_LIBCUDA: '/nonexistent/libcuda.so.1' };
  const child = spawnSync(join(folder, 'runner'), [text === undefined ? 'absent' : 'job.txt', ...more], {
    cwd: folder,
    env,
  });
  const reply = parseReply(child.stdout.toString());
  if (!reply.ok || reply.value.ok) throw new Error(`a failure was expected: ${child.stdout}`);
  return { code: child.status, ...reply.value };
}

describe('the runner', () => {
  test('without a driver says so, after it has read the whole job', () => {
    const all = 'quikc-job 1\n\nbuffer 8 fill 0 b0.out\nwarmup 1\nrepeat 2\nflush 3\nend\n';
    expect(run(all)).toMatchObject({
      code: 3,
      stage: 'driver',
      error: expect.stringContaining('no CUDA driver'),
    });
  });

  test.each([
    ['', 'cut off'],
    ['quikc-job 1\n', 'cut off'],
    ['quikc-job 2\nend', 'not a quikc-job 1'],
    ['hello', 'not a quikc-job 1'],
    ['quikc-job 1\nend\nwarmup 1', 'line 3: text after'],
    ['quikc-job 1\nbogus', 'line 2: unknown item bogus'],
    ['quikc-job 1\nbuffer', 'line 2: missing bytes'],
    ['quikc-job 1\nbuffer -1 fill 0 -', 'bytes is not a number: -1'],
    ['quikc-job 1\nbuffer 0x10 fill 0 -', 'bytes is not a number: 0x10'],
    ['quikc-job 1\nbuffer 99999999999999999999 fill 0 -', 'bytes is too large'],
    ['quikc-job 1\nbuffer 8 fill 256 -', 'fill is too large'],
    ['quikc-job 1\nbuffer 8 random 1 -', 'source is file or fill'],
    ['quikc-job 1\nbuffer 8 fill 0 - -', 'unexpected -'],
    ['quikc-job 1\nlaunch 0 k 1 1 1 1 1 1 0', 'no such module'],
    ['quikc-job 1\narg i32 1', 'before any launch'],
    ['quikc-job 1\nmodule m\nlaunch 0 k 1 1 1 1 1 1 0\narg i32 3000000000', 'not an i32'],
    ['quikc-job 1\nmodule m\nlaunch 0 k 1 1 1 1 1 1 0\narg u32 -1', 'not unsigned'],
    ['quikc-job 1\nmodule m\nlaunch 0 k 1 1 1 1 1 1 0\narg i32 1x', 'not a number: 1x'],
    ['quikc-job 1\nmodule m\nlaunch 0 k 1 1 1 1 1 1 0\narg f16 1', 'unknown argument type f16'],
    ['quikc-job 1\nmodule m\nlaunch 0 k 1 1 1 1 1 1 0\narg buffer 0', 'no such buffer'],
    ['quikc-job 1\nmodule absent.ptx\nend', 'cannot read absent.ptx'],
    ['quikc-job 1\nbuffer 8 file absent.in -\nend', 'cannot read absent.in'],
    ['quikc-job 1\nbuffer 8 file job.txt -\nend', 'job.txt has 39 bytes, not 8'],
  ])('refuses %j', (text, error) => {
    expect(run(text)).toMatchObject({ code: 2, stage: 'job', error: expect.stringContaining(error) });
  });

  test('refuses a job that is not there, and two of them', () => {
    expect(run(undefined)).toMatchObject({ code: 2, error: 'cannot read absent' });
    expect(run('quikc-job 1\nend\n', 'job.txt')).toMatchObject({
      code: 2,
      error: expect.stringContaining('usage'),
    });
  });
});

describe('parseReply', () => {
  test.each(['', 'Segmentation fault', '[]', '{"ok":true}', '{"ok":false,"stage":1,"error":"x"}'])(
    'refuses %j',
    (text) => {
      expect(parseReply(text).ok).toBe(false);
    },
  );
});
