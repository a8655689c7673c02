import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { ensureFolder } from '../support/ensure-folder.ts';
import { lockFile } from '../support/lock-file.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { tuningFault } from './tuning-fault.ts';

const lockName = '.tuning';

/**
 * Takes `folder` for this process alone: two searches on one device would time each other. Fails with QK572 where another
 * holds it. Returns what gives it back.
 */
export function lockFolder(folder: string): Result<() => void, Diagnostic> {
  const file = join(folder, lockName);
  try {
    ensureFolder(folder);
    const lock = lockFile(file);
    return lock.taken ? succeed(lock.release) : fail(tuningFault.locked(file, lock.holder));
  } catch (error) {
    return fail(tuningFault.cannotWrite(file, error));
  }
}
