import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureFolder } from '../support/ensure-folder.ts';
import { readZip } from './read-zip.ts';

/**
 * Unpacks a wheel into `into`; gives the damage, if any, in words. The archive's modes are not used, as they differ
 * between tools: programs get 0755, the rest 0644.
 */
export function unpackWheel(wheel: Uint8Array, into: string): string | undefined {
  const entries = readZip(wheel);
  if (!entries.ok) return entries.error;
  try {
    for (const entry of entries.value) {
      const path = join(into, entry.name);
      const folder = dirname(path);
      ensureFolder(folder);
      writeFileSync(path, entry.read(), { mode: isProgram(entry.name) ? 0o755 : 0o644 });
    }
  } catch (error) {
    // A file system fault has a code and is the caller's; anything else is a damaged entry.
    if (error instanceof Error && 'syscall' in error) throw error;
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}

function isProgram(name: string): boolean {
  return /\/(bin|nvvm\/bin)\/[^/.]+$/.test(name);
}
