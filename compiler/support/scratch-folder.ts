import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureFolder } from './ensure-folder.ts';

const prefix = 'quikc-';
/** A scratch folder of a dead process is swept after this age; other hosts or containers may share the disk. */
const staleAfterMs = 60 * 60 * 1000;

/** A new, private folder under `root` for the time of one action. The caller removes it. */
export function makeScratchFolder(root: string, purpose: string): string {
  ensureFolder(root);
  return mkdtempSync(join(root, `${prefix}${purpose}-${process.pid}-`));
}

/** Removes scratch folders that killed processes left under `root`. Never fails: it is mere tidiness. */
export function sweepScratchFolders(root: string, now: number = Date.now()): void {
  try {
    for (const name of readdirSync(root)) {
      const pid = new RegExp(`^${prefix}[a-z]+-(\\d+)-`).exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      const path = join(root, name);
      if (now - statSync(path).mtimeMs > staleAfterMs) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // Absent or not ours to clean.
  }
}

/** Scratch folders for `purpose` under `root` whose process is no more: what it was doing, it will not finish. */
export function orphanedScratchFolders(root: string, purpose: string): readonly string[] {
  const pattern = new RegExp(`^${prefix}${purpose}-(\\d+)-`);
  return readdirSync(root)
    .filter((name) => {
      const pid = pattern.exec(name)?.[1];
      return pid !== undefined && !isAlive(Number(pid));
    })
    .map((name) => join(root, name));
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
