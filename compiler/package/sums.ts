import { bundlePath } from '../../ir/manifest.ts';
import { sha256 } from '../support/hash.ts';

export const sumsFile = 'SHA256SUMS';

/** `sha256sum -c` reads it: digest, two spaces, path; sorted by path. */
export function formatSums(files: ReadonlyMap<string, Uint8Array>): string {
  const paths = [...files.keys()].filter((path) => path !== sumsFile).sort();
  return paths.map((path) => `${sha256(files.get(path) ?? new Uint8Array())}  ${path}\n`).join('');
}

/** Digests by path; undefined unless every line is well formed, its path plain and named once. */
export function parseSums(text: string): ReadonlyMap<string, string> | undefined {
  const sums = new Map<string, string>();
  if (!text.endsWith('\n')) return undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, digest, path] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (digest === undefined || path === undefined || !isBundlePath(path) || sums.has(path)) return undefined;
    sums.set(path, digest);
  }
  return sums;
}

function isBundlePath(path: string): boolean {
  return path.length <= 255 && bundlePath.test(path) && path !== sumsFile;
}
