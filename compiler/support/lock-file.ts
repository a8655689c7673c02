import { linkSync, readFileSync, writeFileSync } from 'node:fs';
import { removeQuietly } from './remove-quietly.ts';
import { isAlive } from './scratch-folder.ts';

export type Lock =
  | { readonly taken: true; readonly release: () => void }
  /** 0 where nobody knows. */
  | { readonly taken: false; readonly holder: number };

/** Takes a lock for this process alone; one of a process that is no more is taken over. Throws what the system says. */
export function lockFile(lock: string): Lock {
  const own = `${lock}.${process.pid}`;
  try {
    writeFileSync(own, `${process.pid}\n`);
    for (let attempt = 0; attempt < 2; attempt++) {
      if (link(own, lock)) return { taken: true, release: () => removeQuietly(lock) };
      const holder = Number.parseInt(readFileSync(lock, 'utf8'), 10);
      if (isAlive(holder)) return { taken: false, holder };
      removeQuietly(lock);
    }
    return { taken: false, holder: 0 };
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
