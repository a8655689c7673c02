// Bundles the command line and its workers into dist/. esbuild splits what both share, so that `--help` loads
// only commander: the heavy modules (zod, handlebars, execa) are reached through dynamic imports.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: {
    cli: 'compiler/cli.ts',
    'verify-worker': 'compiler/verify/verify-worker.ts',
    'multiply-worker': 'compiler/reference/float-model/multiply-worker.ts',
    'quantise-worker': 'compiler/quantise/quantise-worker.ts',
    'evaluate-worker': 'compiler/evaluate/evaluate-worker.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  chunkNames: 'chunks/[name]-[hash]',
  logLevel: 'warning',
});
