import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashValue, sha256 } from './hash.ts';
import { packageRoot } from './package-root.ts';

/**
 * Digest over quikc's own code as it is installed: with it, work done by the same compiler need not be done again.
 * Undefined where quikc runs from its sources, whose modules nobody can list.
 */
export function compilerDigest(): string | undefined {
  if (!import.meta.url.endsWith('.js')) return undefined;
  const folder = join(packageRoot(), 'dist');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  return hashValue(files.sort().map((name) => [name, sha256(readFileSync(join(folder, name)))]));
}
