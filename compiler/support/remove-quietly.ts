import { rmSync } from 'node:fs';

/** Removes a file if it is there. Never fails: it tidies up after what may have failed itself. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its folder is no folder, or is not ours: then the file is not there either.
  }
}
