import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recoverBundle } from '../../../compiler/package/recover-bundle.ts';

describe('recoverBundle', () => {
  let root: string;
  const deadPid = (): number => spawnSync('true').pid;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'quikc-recover-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** What a compile killed between its two renames leaves: the old bundle aside, the new one not yet in place. */
  function leaveBehind(pid: number, { movedAside }: { movedAside: boolean }): void {
    const scratch = join(root, `quikc-bundle-${pid}-abcdef`);
    mkdirSync(join(scratch, 'out'), { recursive: true });
    writeFileSync(join(scratch, 'out', 'manifest.json'), 'new');
    if (movedAside) mkdirSync(join(scratch, 'old-1'));
  }

  it('puts the new bundle in place', () => {
    leaveBehind(deadPid(), { movedAside: true });
    recoverBundle(join(root, 'out'));
    expect(readFileSync(join(root, 'out', 'manifest.json'), 'utf8')).toBe('new');
  });

  it('leaves a bundle that is there alone', () => {
    leaveBehind(deadPid(), { movedAside: true });
    mkdirSync(join(root, 'out'));
    recoverBundle(join(root, 'out'));
    expect(existsSync(join(root, 'out', 'manifest.json'))).toBe(false);
  });

  it('does not take over from a process that is still at it', () => {
    leaveBehind(process.pid, { movedAside: true });
    recoverBundle(join(root, 'out'));
    expect(existsSync(join(root, 'out'))).toBe(false);
  });

  it('does not take a bundle that may be half-written', () => {
    leaveBehind(deadPid(), { movedAside: false });
    recoverBundle(join(root, 'out'));
    expect(existsSync(join(root, 'out'))).toBe(false);
  });

  it('is quiet where there is no parent folder', () => {
    expect(() => recoverBundle(join(root, 'no', 'such', 'out'))).not.toThrow();
  });
});
