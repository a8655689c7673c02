// Checks WGSL with Dawn's null back end, in a process of its own: node check-shaders.mjs <webgpu module> <folder>. Every
// <id>.wgsl of the folder becomes a module and, for each entry point, a pipeline on a device with WebGPU's default limits and the features that
// features.json names for it; what Dawn says of each is printed as one JSON document.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , dawn, folder] = process.argv;
const { create, globals } = await import(dawn);
Object.assign(globalThis, globals);
// Held until the end: Dawn crashes once its instance is collected.
const gpu = create(['backend=null']);
const asked = JSON.parse(readFileSync(join(folder, 'features.json'), 'utf8'));
const devices = new Map();

/** A device with just these features; an adapter gives out one. */
async function deviceWith(requiredFeatures) {
  const key = requiredFeatures.join();
  const known = devices.get(key) ?? (await (await gpu.requestAdapter()).requestDevice({ requiredFeatures }));
  devices.set(key, known);
  return known;
}

async function check(device, code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const found = messages.map(({ type, lineNum, linePos, message }) => ({
    type,
    line: lineNum,
    column: linePos,
    message,
  }));
  if ((await device.popErrorScope()) !== null) return found;
  for (const entryPoint of entryPoints(code)) {
    device.pushErrorScope('validation');
    const thrown = await device
      .createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint } })
      .then(
        () => undefined,
        (error) => error.message,
      );
    const scoped = await device.popErrorScope();
    const message = thrown ?? scoped?.message;
    if (message !== undefined) found.push({ type: 'error', line: 0, column: 0, message });
  }
  return found;
}

/** Names of the functions that a pipeline can start; Dawn says so where there is none. */
function entryPoints(code) {
  const names = [...code.matchAll(/@compute\b[\s\S]*?\bfn\s+(\w+)/g)].map(([, name]) => name);
  return names.length > 0 ? names : ['main'];
}

const results = [];
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.wgsl'))
  .sort()) {
  const id = file.slice(0, -'.wgsl'.length);
  const device = await deviceWith(asked[id] ?? []);
  results.push({ id, messages: await check(device, readFileSync(join(folder, file), 'utf8')) });
}
for (const device of devices.values()) device.destroy();
process.stdout.write(JSON.stringify(results), () => process.exit(gpu === undefined ? 1 : 0));
