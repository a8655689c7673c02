// Checks WGSL with naga, the compiler of wgpu, in Deno: deno run -A check-with-naga.mjs <folder>. Every <id>.wgsl of the
// folder becomes a module and a pipeline for each entry point on a device with all features of the adapter: wgpu has no device without one.
// naga refuses a whole text for an extension that it has not, so each of extensions.json that a text enables is first tried
// alone. One that fails there is taken out of the texts, and named with what is then said of them. Prints one JSON document.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const [, , folder] = process.argv;
const adapter = await globalThis.navigator?.gpu?.requestAdapter();
if (!adapter) {
  process.stderr.write('Deno has no WebGPU adapter\n');
  process.exit(1);
}
const device = await adapter.requestDevice({ requiredFeatures: [...adapter.features] });

async function check(code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const fault = await device.popErrorScope();
  // Both tell of the same fault.
  if (messages.length > 0) return messages.map(({ message }) => message);
  if (fault !== null) return [fault.message];
  const entryPoints = [...code.matchAll(/@compute[^{]*?\bfn (\w+)/g)].map(([, name]) => name);
  if (entryPoints.length === 0) return ['no entry point'];
  const refused = [];
  for (const entryPoint of entryPoints) {
    device.pushErrorScope('validation');
    device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
    refused.push(await device.popErrorScope());
  }
  return refused.flatMap((fault) => (fault === null ? [] : [fault.message]));
}

const extensions = JSON.parse(readFileSync(join(folder, 'extensions.json'), 'utf8'));
const lacked = [];
for (const name of extensions)
  if ((await check(`enable ${name};\n@compute @workgroup_size(1) fn main() {}\n`)).length > 0)
    lacked.push(name);

const results = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.wgsl'))) {
  const without = [];
  const text = readFileSync(join(folder, file), 'utf8').replaceAll(/^enable ([\w, ]+);/gm, (_, list) => {
    const names = list.split(',').map((name) => name.trim());
    without.push(...names.filter((name) => lacked.includes(name)));
    const kept = names.filter((name) => !lacked.includes(name));
    return kept.length > 0 ? `enable ${kept.join(', ')};` : '';
  });
  results.push({ id: file.slice(0, -'.wgsl'.length), without, messages: await check(text) });
}
process.stdout.write(JSON.stringify({ adapter: adapter.info.description, results }));
process.exit(0);
