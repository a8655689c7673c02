import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and its parents. Node's own `recursive: true` reports a read-only disk as "no such file", and
 * never returns under /proc; this one throws what the system says.
 */
export function ensureFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return;
    const parent = dirname(path);
    const isMissingParent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissingParent || isFolder(parent)) throw error;
    ensureFolder(parent);
    ensureFolder(path);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
