// node errors.mjs <folder of the package> <Dawn's module>: what the package says of each mistake, as JSON lines.
import { readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , folder, dawn] = process.argv;
const load = (path) => import(pathToFileURL(join(path, 'index.js')).href);
const bundle = await load(folder);
const gpu = (await import(dawn)).create([]);
const { requiredFeatures, requiredLimits } = bundle;
const newDevice = async (descriptor = { requiredFeatures, requiredLimits }) =>
  (await gpu.requestAdapter()).requestDevice(descriptor);
const device = await newDevice();
device.onuncapturederror = ({ error }) => say('uncaptured', { message: error.message });
const pipelines = await bundle.createPipelines(device, { gpu, sites: ['o_proj'] });
const site = pipelines.sites.o_proj;
const M = 4;
const made = await site.createBuffers(M);
const layer = 'layers/self_attn.o_proj';
const packed = Object.fromEntries(
  Object.entries(bundle.layers[layer].bytes).map(([name, size]) => [name, new Uint8Array(size)]),
);
const weights = await bundle.uploadWeights(device, layer, packed);
const linears = { o_proj: { ...made.linears.o_proj, ...weights } };
const request = { M, buffers: made.buffers, linears };
const encoder = device.createCommandEncoder();
const ofLinear = (change) => ({ ...request, linears: { o_proj: { ...linears.o_proj, ...change } } });
const buffer = (size, usage = 0x8c) => device.createBuffer({ size, usage });

function say(name, { code, message }) {
  process.stdout.write(`${JSON.stringify({ name, code, message })}\n`);
}

async function expectFault(name, run) {
  try {
    await run();
    say(name, { code: 'none', message: 'nothing was refused' });
  } catch (error) {
    say(name, error);
  }
}

const { x: _x, ...withoutX } = made.buffers;
await expectFault('missing', () => site.encode(encoder, { ...request, buffers: withoutX }));
await expectFault('unknown', () => site.encode(encoder, ofLinear({ wieghts: weights.weights })));
await expectFault('small', () => site.encode(encoder, ofLinear({ y: buffer(4 * 384 - 4) })));
await expectFault('more tokens', () => site.encode(encoder, { ...request, M: M + 1 }));
await expectFault('usage', () => site.encode(encoder, ofLinear({ y: buffer(4 * 384, 0x0c) })));
await expectFault('aliased', () => site.encode(encoder, ofLinear({ residual: linears.o_proj.y })));
await expectFault('offset', () =>
  site.encode(encoder, ofLinear({ y: { buffer: buffer(4096), offset: 100, size: 4 * 384 } })),
);
await expectFault('no linear', () => site.encode(encoder, { ...request, linears: {} }));
await expectFault('tokens', () => site.encode(encoder, { ...request, M: 1.5 }));
await expectFault('too many', () => site.createBuffers(2 ** 24));
await expectFault('read too much', () => pipelines.read(made.buffers.x, 10_000));
await expectFault('no site', () => bundle.createPipelines(device, { gpu, sites: ['x_proj'] }));
await expectFault('no layer', () => bundle.uploadWeights(device, 'layers/x', packed));

await expectFault('truncated', () =>
  bundle.uploadWeights(device, layer, { ...packed, weights: packed.weights.subarray(1) }),
);
await expectFault('other layer', () =>
  bundle.uploadWeights(device, layer, { ...packed, weights: new ArrayBuffer(98304) }),
);
await expectFault('no weights', () => bundle.uploadWeights(device, layer, { ...packed, weights: undefined }));
const short = { size: packed.weights.length, stream: () => new Blob([packed.weights.subarray(5)]).stream() };
await expectFault('stream ends', () => bundle.uploadWeights(device, layer, { ...packed, weights: short }));
await expectFault('aborted', () =>
  bundle.uploadWeights(device, layer, packed, { signal: AbortSignal.abort() }),
);

// A shader that does not compile: the package with a slip in one.
const broken = await mkdtemp(join(process.cwd(), 'broken-'));
await cp(folder, broken, { recursive: true });
const shaders = readFileSync(join(broken, 'shaders.js'), 'utf8');
writeFileSync(join(broken, 'shaders.js'), shaders.replaceAll('const kHalf = 8.0;', 'const kHalf = 8u;'));
const { createPipelines } = await load(broken);
await expectFault('shader', () => createPipelines(device, { gpu, sites: ['o_proj'] }));

// Nothing above left a trace in the encoder: what is right can still be recorded and submitted.
site.encode(encoder, request);
site.encode(encoder, { ...request, M: 0 });
device.queue.submit([encoder.finish()]);
await pipelines.orLost(device.queue.onSubmittedWorkDone());
say('right', {});

// Values that are no numbers: told when results are read, once, and not where nobody wants to know.
const unchecked = await bundle.createPipelines(device, { gpu, sites: ['o_proj'], checkFinite: false });
const columns = new Int32Array([3, 5, 7, 11, 13, 17, 19, 23]);
device.queue.writeBuffer(made.buffers.outlier_columns, 0, columns);
async function runOn(row, column, bits, { sites, read } = pipelines) {
  const x = new Uint16Array(192 * M);
  if (bits !== undefined) x[192 * row + column] = bits;
  device.queue.writeBuffer(made.buffers.x, 0, x);
  const recorded = device.createCommandEncoder();
  sites.o_proj.encode(recorded, request);
  device.queue.submit([recorded.finish()]);
  await read(linears.o_proj.y);
}
await expectFault('NaN', () => runOn(2, 191, 0x7e00));
await expectFault('infinite outlier', () => runOn(3, 17, 0xfc00));
await expectFault('outlier in the other half of a word', () => runOn(2, 13, 0x7c00));
await expectFault('first of all', () => runOn(0, 18, 0x7c00));
await expectFault('largest', () => runOn(1, 4, 0x7bff));
await expectFault('largest outlier', () => runOn(1, 17, 0xfbff));
await expectFault('finite again', () => runOn(0, 0));
await expectFault('NaN that nobody asks of', () => runOn(2, 191, 0x7e00, unchecked));
await expectFault('nothing to ask of', () => pipelines.assertFinite());

// A device that goes: while pipelines are made, and before anything else.
const doomed = await newDevice();
const pending = bundle.createPipelines(doomed, { gpu, sites: ['down_proj'] });
doomed.destroy();
await expectFault('lost while compiling', () => pending);
const never = pipelines.orLost(new Promise(() => {}));
device.destroy();
await expectFault('lost while waiting', () => never);
await expectFault('lost read', () => pipelines.read(made.buffers.x));
await expectFault('lost encode', () => site.encode(encoder, request));
await expectFault('lost buffers', () => site.createBuffers(M));
await expectFault('lost upload', () => bundle.uploadWeights(device, layer, packed));
await expectFault('lost pipelines', () => bundle.createPipelines(device));
process.stdout.write('', () => process.exit(gpu === undefined ? 1 : 0));
