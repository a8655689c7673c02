import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DeviceJob } from '../../../compiler/device/device-job.ts';
import { type DeviceSession, openDeviceSession } from '../../../compiler/device/device-session.ts';

// The runner is built once for all tests: its cache goes by content.
const runnerCache = resolve('.cache', 'test-runner');
const root = mkdtempSync(join(tmpdir(), 'quikc session '));
const work = join(root, 'work');
const env = {
  PATH: process.env['PATH'] ?? '',
  QUIKC_CACHE: runnerCache,
  QUIKC_LIBCUDA: join(root, 'libfake.so'),
  FAKE_LOG: join(root, 'log'),
  TMPDIR: work,
};
beforeAll(() => {
  mkdirSync(work);
  const source = join(import.meta.dirname, 'fake-driver.cpp');
  execFileSync('g++', ['-std=c++17', '-shared', '-fPIC', '-o', env.QUIKC_LIBCUDA, source]);
}, 60_000);
beforeEach(() => writeFileSync(env.FAKE_LOG, ''));
afterAll(() => rmSync(root, { recursive: true }));

const module = '.version 9.0';
function jobOf(input: Uint8Array, symbol = 'add_one'): DeviceJob {
  return {
    modules: [module],
    buffers: [
      { bytes: 8, content: input, download: false },
      { bytes: 8, content: 0xff, download: true },
    ],
    launches: [
      {
        ...{ module: 0, symbol, grid: [1, 1, 1], block: [32, 1, 1], dynamicSharedBytes: 0 },
        arguments: [{ buffer: 0 }, { buffer: 1 }, { type: 'i32', value: 8 }],
      },
    ],
  };
}
const logged = () => readFileSync(env.FAKE_LOG, 'utf8').trimEnd().split('\n');
async function outputOf(session: DeviceSession, job: DeviceJob): Promise<readonly number[] | string> {
  const reply = await session.run(job);
  return reply.ok ? [...(reply.value.outputs.get(1) ?? [])] : reply.error.code;
}

describe('a device session', () => {
  test('keeps modules and inputs on the GPU, and gives every job fresh outputs', async () => {
    const session = openDeviceSession({ env });
    const input = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const other = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9);
    const expected = [2, 3, 4, 5, 6, 7, 8, 9];
    const all = [input, input, other, input].map((content) => outputOf(session, jobOf(content)));
    expect(await Promise.all(all)).toEqual([expected, expected, Array(8).fill(10), expected]);
    const count = (word: string) => logged().filter((line) => line.startsWith(word)).length;
    // An output a job, and two inputs in all.
    expect([count('cuInit'), count('load'), count('alloc'), count('free')]).toEqual([1, 1, 6, 4]);
    session.close();
    expect(readdirSync(work)).toEqual([]);
  });

  test('after a fault starts anew, with nothing left of before', async () => {
    const session = openDeviceSession({ env });
    const input = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1);
    expect(await outputOf(session, jobOf(input))).toEqual(Array(8).fill(2));
    expect(await outputOf(session, jobOf(input, 'fault'))).toBe('QK811');
    expect(await outputOf(session, jobOf(input, 'overrun'))).toBe('QK816');
    expect(await outputOf(session, jobOf(input))).toEqual(Array(8).fill(2));
    expect(logged().filter((line) => line === 'cuInit')).toHaveLength(3);
    session.close();
    expect(readdirSync(work)).toEqual([]);
  });

  test('a kernel that hangs costs its time-out, an interruption nothing', async () => {
    const session = openDeviceSession({ env, timeoutMs: 400 });
    expect(await outputOf(session, jobOf(new Uint8Array(8), 'hang'))).toBe('QK813');
    session.close();
    const stop = new AbortController();
    const stopped = openDeviceSession({ env, signal: stop.signal });
    const answer = outputOf(stopped, jobOf(new Uint8Array(8), 'hang'));
    setTimeout(() => stop.abort(), 300);
    expect(await answer).toBe('QK815');
    expect(await outputOf(stopped, jobOf(new Uint8Array(8)))).toBe('QK815');
    stopped.close();
    expect(readdirSync(work)).toEqual([]);
  });

  test('says what a machine without a driver lacks', async () => {
    const session = openDeviceSession({ env: { ...env, QUIKC_LIBCUDA: '/nonexistent/libcuda.so.1' } });
    expect(await outputOf(session, jobOf(new Uint8Array(8)))).toBe('QK810');
    session.close();
  });
});
