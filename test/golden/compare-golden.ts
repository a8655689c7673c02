import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/**
 * How a folder of goldens differs from what it must hold, a line a file: missing, stale (nothing makes it any more), or
 * changed, with the first line that did.
 */
export function compareGolden(folder: string, expected: ReadonlyMap<string, string>): readonly string[] {
  const present = new Set(listFiles(folder));
  const stale = [...present]
    .filter((path) => !expected.has(path))
    .map((path) => `${path}: stale, no model makes it`);
  const wrong = [...expected].flatMap(([path, text]) => {
    if (!present.has(path)) return [`${path}: missing`];
    const committed = readFileSync(join(folder, path), 'utf8');
    return committed === text ? [] : [`${path}: ${firstDifference(committed, text)}`];
  });
  return [...stale, ...wrong];
}

/** Paths of all files below a folder, with forward slashes; none if it is absent. */
export function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch {
    return [];
  }
}

function firstDifference(committed: string, made: string): string {
  const [before, after] = [committed.split('\n'), made.split('\n')];
  const at = after.findIndex((line, index) => line !== before[index]);
  const line = at < 0 ? after.length : at;
  return `line ${line + 1} is ${JSON.stringify(before[line] ?? null)}, now ${JSON.stringify(after[line] ?? null)}`;
}
