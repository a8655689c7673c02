import { linkSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { removeQuietly } from '../support/remove-quietly.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { isAlive } from '../support/scratch-folder.ts';
import { tuningFault } from './tuning-fault.ts';

const lockName = '.tuning';

/**
 * Takes `folder` for this process alone: two searches on one device would time each other. A lock of a process that is no
 * more is taken over. Fails with QK572 where another holds it. Returns what gives it back.
 */
export function lockFolder(folder: string): Result<() => void, Diagnostic> {
  const lock = join(folder, lockName);
  const own = `${lock}.${process.pid}`;
  try {
    ensureFolder(folder);
    writeFileSync(own, `${process.pid}\n`);
    for (let attempt = 0; attempt < 2; attempt++) {
      if (link(own, lock)) return succeed(() => removeQuietly(lock));
      const holder = Number.parseInt(readFileSync(lock, 'utf8'), 10);
      if (isAlive(holder)) return fail(tuningFault.locked(lock, holder));
      removeQuietly(lock);
    }
    return fail(tuningFault.locked(lock, 0));
  } catch (error) {
    return fail(tuningFault.cannotWrite(lock, error));
  } finally {
    removeQuietly(own);
  }
}

/** A link is made by one process or the other, never by both, and its content is there from the start. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
