// Runs a WGSL kernel on a WebGPU adapter, in a process of its own: node run-on-adapter.mjs <webgpu module> <folder>. The
// folder has kernel.wgsl and job.json: { needs: { features, languageFeatures, leastSubgroupSize }, runs: [{ buffers: [{ name,
// bytes, file, output }], dispatches: [{ entryPoint, workgroups, uniforms: [{ binding, value }], buffers: [{ binding, buffer,
// offset, bytes }] }] }] }; an output is read back into its file. One JSON line a run on stdout, the first about the adapter;
// an error's line may say of what kind it is.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , dawn, folder] = process.argv;
const { create, globals } = await import(dawn);
Object.assign(globalThis, globals);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stop = (line, code) => process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(code));

// Held until the end: Dawn crashes once its instance is collected.
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (adapter === null) stop({ error: 'no adapter' }, 3);
else {
  const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
  const missing = findMissing(job.needs);
  if (missing.length > 0) stop({ unsupported: missing.join('; ') }, 4);
  // What is pending when a device goes fails too, sometimes before the loss is told: that has a moment to be first.
  else await run(job).catch(({ message, kind }) => setTimeout(() => stop({ error: message, kind }, 1), 100));
}

/** WebGPU knows no subgroups of fewer than 4 invocations: what holds where an adapter does not tell. */
function findMissing({ features, languageFeatures, leastSubgroupSize }) {
  const { subgroupMinSize = 4 } = adapter.info;
  const lacking = features.filter((name) => !adapter.features.has(name));
  return [
    ...lacking.map((name) => `the adapter lacks the feature ${name}`),
    ...languageFeatures
      .filter((name) => !gpu.wgslLanguageFeatures.has(name))
      .map((name) => `the WGSL language feature ${name} is missing`),
    ...(lacking.length === 0 && leastSubgroupSize > 1 && subgroupMinSize < leastSubgroupSize
      ? [`subgroups of the adapter may have ${subgroupMinSize} invocations, ${leastSubgroupSize} are needed`]
      : []),
  ];
}

async function run({ needs, runs }) {
  const { vendor, device: model, description, isFallbackAdapter } = adapter.info;
  const { maxBufferSize } = adapter.limits;
  // Beyond the defaults only what no kernel depends on: how much data a run has. Bindings stay within them.
  const device = await adapter.requestDevice({
    requiredFeatures: needs.features,
    requiredLimits: { maxBufferSize },
  });
  say({ adapter: { name: description || model || vendor, vendor, fallback: isFallbackAdapter === true } });
  device.lost.then(
    ({ reason, message }) =>
      reason !== 'destroyed' && stop({ error: `the device is lost: ${message}`, kind: 'device-lost' }, 1),
  );
  device.onuncapturederror = ({ error }) => {
    const kind = error.constructor.name === 'GPUOutOfMemoryError' ? 'no-memory' : undefined;
    stop({ error: error.message, kind }, 1);
  };
  const module = device.createShaderModule({ code: readFileSync(join(folder, 'kernel.wgsl'), 'utf8') });
  const pipelines = new Map();
  const pipelineOf = async (entryPoint) => {
    const known = pipelines.get(entryPoint);
    if (known !== undefined) return known;
    const compute = { module, entryPoint };
    const made = await device.createComputePipelineAsync({ layout: 'auto', compute });
    pipelines.set(entryPoint, made);
    return made;
  };
  for (const [index, { buffers, dispatches }] of runs.entries()) {
    const made = [];
    for (const buffer of buffers) made.push(await load(device, buffer));
    const passes = [];
    for (const dispatch of dispatches)
      passes.push({ ...dispatch, pipeline: await pipelineOf(dispatch.entryPoint) });
    const started = performance.now();
    const encoder = device.createCommandEncoder();
    for (const dispatch of passes) encode(device, encoder, dispatch, made);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const milliseconds = performance.now() - started;
    for (const each of made) if (each.output !== undefined) await readBack(device, each);
    for (const { buffer } of made) buffer.destroy();
    say({ run: index, milliseconds });
  }
  device.destroy();
  stop({ done: gpu !== undefined }, 0);
}

/** A buffer with a file's content; a fault that names it where there is no room for it. */
async function load(device, { name, bytes, file, output }) {
  const size = Math.ceil(bytes / 4) * 4;
  const buffer = await allocate(
    device,
    name,
    size,
    GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  );
  const content = new Uint8Array(size);
  content.set(readFileSync(join(folder, file)).subarray(0, bytes));
  device.queue.writeBuffer(buffer, 0, content);
  return { name, bytes, size, output, buffer };
}

async function allocate(device, name, size, usage) {
  const { maxBufferSize } = device.limits;
  if (size > maxBufferSize)
    throw noMemory(`${name} takes ${size} bytes, the adapter allows a buffer ${maxBufferSize}`);
  device.pushErrorScope('out-of-memory');
  const buffer = device.createBuffer({ size, usage });
  const fault = await device.popErrorScope();
  if (fault !== null) throw noMemory(`no memory for the ${size} bytes of ${name}: ${fault.message}`);
  return buffer;
}

function noMemory(message) {
  return Object.assign(new Error(message), { kind: 'no-memory' });
}

function encode(device, encoder, { pipeline, workgroups, uniforms, buffers }, made) {
  const constants = uniforms.map(({ binding, value }) => {
    const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, new Uint32Array([value]));
    return { binding, resource: { buffer } };
  });
  const ranges = buffers.map(({ binding, buffer, offset, bytes }) => ({
    binding,
    resource: { buffer: made[buffer].buffer, offset, size: Math.ceil(bytes / 4) * 4 },
  }));
  const entries = [...constants, ...ranges];
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
}

async function readBack(device, { name, buffer, size, bytes, output }) {
  const back = await allocate(device, name, size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  const copy = device.createCommandEncoder();
  copy.copyBufferToBuffer(buffer, 0, back, 0, size);
  device.queue.submit([copy.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  writeFileSync(join(folder, output), new Uint8Array(back.getMappedRange()).subarray(0, bytes));
  back.destroy();
}
