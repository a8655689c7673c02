// node main.mjs <package> <folder> <Dawn's module, or ''> [variant]: for each run of <folder>/job.json, a site of the installed package,
// bytes from and to files, by the best variant unless one is named. Says which it was, and which there are to be had.
// Where there is navigator.gpu, as in Deno, that is taken.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { runSites } from './run-site.mjs';

const [, , name, folder, dawn, named] = process.argv;
const bundle = await import(name);
const own = globalThis.navigator?.gpu;
// Held until the end: Dawn crashes once its instance is collected.
const gpu = own ?? (await import(dawn)).create([]);
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
const supported = bundle.supportedVariants(await gpu.requestAdapter(), gpu);
const variant = named ?? supported[0];
const load = (index, names) =>
  Object.fromEntries(names.map((file) => [file, readFileSync(join(folder, `${index}-${file}`))]));
const runs = job.map((run, index) => ({
  ...run,
  inputs: load(index, run.inputs),
  packed: load(index, run.packed),
}));
for (const [index, outputs] of (await runSites(bundle, gpu, runs, variant)).entries()) {
  for (const [file, bytes] of Object.entries(outputs)) writeFileSync(join(folder, `${index}-${file}`), bytes);
}
const said = { gpu: gpu === own ? 'navigator.gpu' : 'Dawn', variant, supported };
process.stdout.write(JSON.stringify(said), () => process.exit(0));
