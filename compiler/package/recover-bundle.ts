import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { orphanedScratchFolders } from '../support/scratch-folder.ts';

/**
 * Completes a replacement that a kill cut off between its two renames, when the old bundle had been moved aside and the
 * new one, whole, not yet into place: then there is nothing at `folder`. Does nothing otherwise, and never fails: a
 * bundle that cannot be recovered is one that cannot be read, and reading says so.
 */
export function recoverBundle(folder: string): void {
  try {
    const target = resolve(folder);
    if (existsSync(target)) return;
    for (const scratch of orphanedScratchFolders(dirname(target), 'bundle')) {
      const fresh = join(scratch, basename(target));
      // The old one is moved aside only once the new one is complete.
      if (!existsSync(fresh) || !readdirSync(scratch).some((name) => name.startsWith('old-'))) continue;
      renameSync(fresh, target);
      return;
    }
  } catch {
    // The parent folder is not there, the working folder is no more, or another process was quicker.
  }
}
