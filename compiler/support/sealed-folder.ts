import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureFolder } from './ensure-folder.ts';
import { sha256 } from './hash.ts';
import { makeScratchFolder } from './scratch-folder.ts';

/** The file that is written last and names every other file of the folder with its digest. */
const sealName = 'seal.json';

export type FolderFiles = ReadonlyMap<string, Uint8Array>;

/**
 * The files of a folder that {@link publishSealedFolder} wrote, or undefined if it is absent, incomplete or
 * altered in any way. Only files named in the seal are read.
 */
export function readSealedFolder(folder: string): FolderFiles | undefined {
  try {
    const seal: unknown = JSON.parse(readFileSync(join(folder, sealName), 'utf8'));
    if (!isSeal(seal)) return undefined;
    const files = new Map<string, Uint8Array>();
    for (const [name, digest] of Object.entries(seal)) {
      const bytes = readFileSync(join(folder, name));
      if (sha256(bytes) !== digest) return undefined;
      files.set(name, bytes);
    }
    return files;
  } catch {
    return undefined; // not there, not readable, not JSON: all of them mean "make it again"
  }
}

/**
 * Writes `files` as a whole: in a scratch folder first, renamed into place last. A folder that another process put
 * there meanwhile stays if it is the same. Throws the file system's error; nothing half-written is left.
 */
export function publishSealedFolder(
  folder: string,
  scratchRoot: string,
  files: FolderFiles,
  mode = 0o644,
): void {
  const scratch = makeScratchFolder(scratchRoot, 'publish');
  try {
    const fresh = join(scratch, 'new');
    mkdirSync(fresh);
    const seal: Record<string, string> = {};
    for (const [name, bytes] of files) {
      writeFileSync(join(fresh, name), bytes, { mode });
      seal[name] = sha256(bytes);
    }
    writeFileSync(join(fresh, sealName), JSON.stringify(seal));
    ensureFolder(dirname(folder));
    moveIntoPlace(fresh, folder, scratch, () => isSame(readSealedFolder(folder), files));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Renames `fresh` to `folder`. A folder already there is kept if `isSound` says so, and otherwise moved aside
 * into `scratch`: rename cannot replace a folder that has files in it.
 */
export function moveIntoPlace(fresh: string, folder: string, scratch: string, isSound: () => boolean): void {
  const attempts = 5; // each lost race means that another process put a folder there meanwhile
  for (let attempt = 1; ; attempt += 1) {
    try {
      renameSync(fresh, folder);
      return;
    } catch (error) {
      if (!isOccupied(error) || attempt === attempts) throw error;
    }
    if (isSound()) return;
    try {
      renameSync(folder, join(scratch, `old-${attempt}`));
    } catch (error) {
      if (!isMissing(error)) throw error; // another process moved it first
    }
  }
}

function isSame(found: FolderFiles | undefined, wanted: FolderFiles): boolean {
  if (found === undefined || found.size !== wanted.size) return false;
  return [...wanted].every(([name, bytes]) => {
    const other = found.get(name);
    return other !== undefined && Buffer.compare(other, bytes) === 0;
  });
}

function isSeal(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return (
    entries.length > 0 && entries.every(([name, digest]) => !/[/\\]/.test(name) && typeof digest === 'string')
  );
}

function isOccupied(error: unknown): boolean {
  return hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST') || hasCode(error, 'ENOTDIR');
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
