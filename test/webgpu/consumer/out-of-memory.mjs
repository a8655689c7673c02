// ulimit -v …; node out-of-memory.mjs <folder of the package> <Dawn's module>: asks for buffers until there is no more
// memory, and says how that was told, as JSON, after a line with the adapter's name.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , folder, dawn] = process.argv;
const { open } = await import(pathToFileURL(join(folder, 'index.js')).href);
const gpu = (await import(dawn)).create([]);
writeSync(1, `${(await gpu.requestAdapter())?.info.description}\n`);
const { sites } = await open({ gpu, sites: ['o_proj'] });
const tokens = 2 ** 18; // 100 MB of x, and as much of y and of the residual

let kept = 0;
let told = { code: 'none', message: 'there was always more' };
for (let round = 0; round < 1000 && told.code === 'none'; round++) {
  try {
    const { buffers, linears } = await sites.o_proj.createBuffers(tokens);
    kept += Object.keys({ ...buffers, ...linears.o_proj }).length;
  } catch ({ code, message }) {
    told = { code, message };
  }
}
// The driver, ended where it has no memory left, crashes now and then.
process.stdout.write(JSON.stringify({ ...told, kept }), () => process.kill(process.pid, 'SIGKILL'));
