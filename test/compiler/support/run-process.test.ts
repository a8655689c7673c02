import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createLimiter } from '../../../compiler/support/create-limiter.ts';
import { ensureFolder } from '../../../compiler/support/ensure-folder.ts';
import { runProcess } from '../../../compiler/support/run-process.ts';

function shell(script: string, changes: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  return runProcess({
    file: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 10_000,
    ...changes,
  });
}

describe('runProcess', () => {
  test('gives code and output', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({
      kind: 'exited',
      code: 3,
      stdout: 'out',
      stderr: 'err',
    });
  });

  test('passes the given environment and no other', async () => {
    vi.stubEnv('QUIKC_SECRET', 'x');
    expect(await shell('echo "[$QUIKC_SECRET]"')).toMatchObject({ stdout: '[]' });
    vi.unstubAllEnvs();
  });

  test('tells a missing program from one that may not be run', async () => {
    const start = (file: string) => runProcess({ file, args: [], env: {}, timeoutMs: 1000 });
    expect(await start('/nonexistent/nvcc')).toEqual({
      kind: 'not-started',
      reason: '/nonexistent/nvcc does not exist',
    });
    expect(await start('/etc/passwd')).toEqual({
      kind: 'not-started',
      reason: '/etc/passwd is not executable',
    });
  });

  test('reports a signal', async () => {
    expect(await shell('kill -TERM $$')).toMatchObject({ kind: 'killed', by: 'SIGTERM' });
  });

  test('ends a process that ignores everything, and one that left the group and holds the pipe', async () => {
    expect(await shell("trap '' TERM INT; sleep 65", { timeoutMs: 200 })).toMatchObject({
      kind: 'timed-out',
    });
    const start = performance.now();
    expect(await shell('setsid sleep 5 & sleep 66', { timeoutMs: 200 })).toMatchObject({ kind: 'timed-out' });
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test('stops when told, before and during', async () => {
    expect(await shell('true', { signal: AbortSignal.abort() })).toEqual({ kind: 'cancelled' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    expect(await shell('sleep 67', { signal: controller.signal })).toEqual({ kind: 'cancelled' });
  });

  test('does not swallow a flood of output', async () => {
    expect(await shell('yes')).toMatchObject({ kind: 'killed' });
  });
});

describe('createLimiter', () => {
  test('lets urgent tasks overtake, and goes on after a failure', async () => {
    const limiter = createLimiter(1);
    const order: string[] = [];
    const task = (name: string) => async () => {
      order.push(name);
      if (name === 'a') throw new Error(name);
    };
    await Promise.allSettled([
      limiter.run(task('a')),
      limiter.run(task('b')),
      limiter.run(task('c'), 'urgent'),
    ]);
    expect(order).toEqual(['a', 'c', 'b']);
  });
});

describe('ensureFolder', () => {
  test('makes parents, accepts what is there, and says what is wrong', () => {
    const root = mkdtempSync(join(tmpdir(), 'quikc folder '));
    ensureFolder(join(root, 'a/b/c'));
    ensureFolder(join(root, 'a/b/c'));
    expect(existsSync(join(root, 'a/b/c'))).toBe(true);
    writeFileSync(join(root, 'file'), '');
    expect(() => ensureFolder(join(root, 'file'))).toThrow('EEXIST');
    expect(() => ensureFolder(join(root, 'file/below'))).toThrow('ENOTDIR');
    expect(() => ensureFolder('/proc/quikc/below')).toThrow('ENOENT'); // mkdirSync would never return
    rmSync(root, { recursive: true });
  });
});
