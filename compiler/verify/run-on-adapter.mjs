// Runs a WGSL kernel on a WebGPU adapter, in a process of its own: node run-on-adapter.mjs <webgpu module> <folder>. The
// folder has kernel.wgsl and job.json: { needs: { features, languageFeatures, leastSubgroupSize }, runs: [{ tokens, workgroups, buffers: [{ binding, bytes, file, output }] }] };
// an output is read back into its file. One JSON line a run on stdout, the first about the adapter.
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
  else await run(job);
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
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: needs.features,
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  say({ adapter: { name: description || model || vendor, vendor, fallback: isFallbackAdapter === true } });
  device.lost.then(
    ({ reason, message }) => reason !== 'destroyed' && stop({ error: `device lost: ${message}` }, 1),
  );
  device.onuncapturederror = ({ error }) => stop({ error: error.message }, 1);
  const module = device.createShaderModule({ code: readFileSync(join(folder, 'kernel.wgsl'), 'utf8') });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  for (const [index, { tokens, workgroups, buffers }] of runs.entries()) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const made = buffers.map(({ binding, bytes, file, output }) => {
      const size = Math.ceil(bytes / 4) * 4;
      const buffer = device.createBuffer({ size, usage });
      const content = new Uint8Array(size);
      content.set(readFileSync(join(folder, file)).subarray(0, bytes));
      device.queue.writeBuffer(buffer, 0, content);
      return { binding, bytes, size, output, buffer };
    });
    const count = device.createBuffer({ size: 4, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(count, 0, new Uint32Array([tokens]));
    const entries = [
      { binding: 0, resource: { buffer: count } },
      ...made.map(({ binding, buffer }) => ({ binding, resource: { buffer } })),
    ];
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const started = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const milliseconds = performance.now() - started;
    for (const { buffer, size, bytes, output } of made) {
      if (output === undefined) continue;
      const back = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const copy = device.createCommandEncoder();
      copy.copyBufferToBuffer(buffer, 0, back, 0, size);
      device.queue.submit([copy.finish()]);
      await back.mapAsync(GPUMapMode.READ);
      writeFileSync(join(folder, output), new Uint8Array(back.getMappedRange()).subarray(0, bytes));
      back.destroy();
    }
    for (const { buffer } of made) buffer.destroy();
    say({ run: index, milliseconds });
  }
  device.destroy();
  stop({ done: gpu !== undefined }, 0);
}
