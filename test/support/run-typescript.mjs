// Runs a TypeScript program of this repository, which Node 20 cannot: bundles it into .cache/ and imports that.
//
//   node test/support/run-typescript.mjs test/golden/refresh-golden.ts [arguments]
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..', '..');
const [entry, ...rest] = process.argv.slice(2);
// Inside the repository, so that packages and quikc's own templates are found from there.
mkdirSync(join(root, '.cache'), { recursive: true });
const folder = mkdtempSync(join(root, '.cache', 'run-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.on(signal, () => process.exit(code));

const outfile = join(folder, 'program.mjs');
await build({
  entryPoints: [join(root, entry)],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
process.argv.splice(1, process.argv.length - 1, entry, ...rest);
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(rest);
