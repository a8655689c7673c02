import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSource } from '../../../compiler/diagnostics/read-source.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quikc source test '));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function refusal(file: string): Promise<readonly string[]> {
  const read = await readSource(file);
  return read.ok ? [] : read.error.map(({ code, message }) => `${code} ${message}`);
}

describe('what is no plain file is refused before it is opened', () => {
  it('a folder', async () => {
    expect(await refusal(root)).toEqual(['QK100 this is a folder, not a file']);
  });

  it('a pipe that nobody writes to: opening it would wait for ever', async () => {
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Ends the wait, so that a fault is a failure here and no hang.
    const writer = spawn('sh', ['-c', 'sleep 3; : >"$0"', pipe], { stdio: 'ignore' });
    const started = performance.now();
    expect(await refusal(pipe)).toEqual(['QK100 this is a pipe, not a file']);
    expect(performance.now() - started).toBeLessThan(2000);
    writer.kill();
  });

  it('a socket', async () => {
    const path = join(root, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(await refusal(path)).toEqual(['QK100 this is a socket, not a file']);
    await new Promise((resolve) => server.close(resolve));
  });

  it.skipIf(!existsSync('/dev/zero'))('a device without end (needs /dev/zero)', async () => {
    expect(await refusal('/dev/zero')).toEqual(['QK100 this is a device, not a file']);
  });
});

// Linux's own files are plain by their kind and empty by their size, and some have no end.
const endless = '/proc/self/pagemap';
it.skipIf(!existsSync(endless))(
  `no more of a file is read than a model may have (needs ${endless})`,
  async () => {
    expect(await refusal(endless)).toEqual(['QK102 the file does not end']);
  },
);
