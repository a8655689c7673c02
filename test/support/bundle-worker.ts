import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** A worker's module as a build has it, for tests of threads; `remove` takes it away again. */
export async function bundleWorker(
  entry: string,
): Promise<{ readonly url: URL; readonly remove: () => void }> {
  mkdirSync('.cache', { recursive: true });
  const folder = mkdtempSync(resolve('.cache/worker-'));
  const outfile = join(folder, 'worker.mjs');
  const options = { bundle: true, format: 'esm', platform: 'node', target: 'node20' } as const;
  await build({ entryPoints: [entry], outfile, ...options });
  return { url: pathToFileURL(outfile), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
