// Runs the sites of a bundle's package for WebGPU, in a process of its own: node serve-sites.mjs <webgpu module> <index.js>. One
// JSON request a line on stdin, one JSON reply a line on stdout; the first reply is about the adapter. Requests:
//   { op: 'weights', key, layer, files: { argument: file } }     uploads a layer's packed weights, which stay under the key
//   { op: 'launch', site, linear?, M, weights?, inputs: { argument: file }, outputs: { argument: file } }
// A launch is the site's quantize, or its linear of that name on the weights of that key.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , dawn, index] = process.argv;
const { create, globals } = await import(dawn);
Object.assign(globalThis, globals);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stop = (line, code) => process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(code));

// Held until the end: Dawn crashes once its instance is collected.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (adapter === null) stop({ error: 'no WebGPU adapter here', kind: 'no-adapter' }, 3);
else await serve(await import(index)).catch(({ message, code }) => stop({ error: message, kind: code }, 1));

async function serve(bundle) {
  const { vendor, device: model, description, isFallbackAdapter } = adapter.info;
  const pipelines = await bundle.open({ gpu });
  const faults = [];
  pipelines.device.onuncapturederror = ({ error }) => faults.push(error.message);
  const name = description || model || vendor;
  say({ adapter: { name, fallback: isFallbackAdapter === true, variant: pipelines.variant } });
  const weights = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line), { bundle, pipelines, weights }).catch(
      ({ message, code }) => ({ error: message, kind: code }),
    );
    const [fault] = faults.splice(0);
    say(fault === undefined ? reply : { error: fault });
  }
  pipelines.device.destroy();
  stop({ done: gpu !== undefined }, 0);
}

async function answer(request, { bundle, pipelines, weights }) {
  const { device } = pipelines;
  if (request.op === 'weights') {
    const entries = Object.entries(request.files).map(([argument, file]) => [argument, readFileSync(file)]);
    weights.set(request.key, await bundle.uploadWeights(device, request.layer, Object.fromEntries(entries)));
    return { ready: true };
  }
  const { site, linear, M, inputs, outputs } = request;
  const all = bundle.bytes(site, M);
  const sizes = linear === undefined ? all.buffers : all.linears[linear];
  const known = weights.get(request.weights) ?? {};
  const own = {};
  for (const [argument, size] of Object.entries(sizes)) {
    if (argument in known) continue;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    own[argument] = device.createBuffer({ size: Math.max(4, Math.ceil(size / 4) * 4), usage });
  }
  try {
    for (const [argument, file] of Object.entries(inputs)) write(device, own[argument], readFileSync(file));
    const encoder = device.createCommandEncoder();
    const launch =
      linear === undefined ? pipelines.sites[site].quantize : pipelines.sites[site].linears[linear];
    launch.encode(encoder, { M, buffers: { ...known, ...own } });
    device.queue.submit([encoder.finish()]);
    for (const [argument, file] of Object.entries(outputs)) {
      const size = sizes[argument] ?? 0;
      writeFileSync(file, size === 0 ? '' : new Uint8Array(await pipelines.read(own[argument], size)));
    }
    return { ready: true };
  } finally {
    for (const buffer of Object.values(own)) buffer.destroy();
  }
}

/** WebGPU writes whole words. */
function write(device, buffer, bytes) {
  if (buffer === undefined || bytes.length === 0) return;
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  device.queue.writeBuffer(buffer, 0, whole);
}
