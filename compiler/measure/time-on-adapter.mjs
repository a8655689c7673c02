// Times WGSL kernels on a WebGPU adapter, in a process of its own: node time-on-adapter.mjs <webgpu module>. One JSON
// request a line on stdin, one JSON reply a line on stdout; the first reply is about the adapter. Requests:
//   { op: 'buffers', copies, buffers: [{ name, bytes, file }] }   what all kernels of a problem are launched on
//   { op: 'kernel', id, file, dispatches, scratch }               compiles a kernel; scratch: [{ name, bytes }] is its own
//   { op: 'time', id }                                            one launch, on the copy that is coldest
// A dispatch is { entryPoint, workgroups, uniforms: [{ binding, value }], buffers: [{ binding, argument, offset, bytes }] }.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { create, globals } = await import(process.argv[2]);
Object.assign(globalThis, globals);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stop = (line, code) => process.stdout.write(`${JSON.stringify(line)}\n`, () => process.exit(code));

// Held until the end: Dawn crashes once its instance is collected.
// Clocks are coarse for the sake of web pages that must not learn too much: 65 us, more than a launch takes.
const gpu = create(['disable-dawn-features=timestamp_quantization']);
const adapter = await gpu.requestAdapter();
if (adapter === null) stop({ error: 'no adapter', fatal: 'no-adapter' }, 3);
else await serve();

async function serve() {
  const { vendor, architecture, device: model, description, isFallbackAdapter } = adapter.info;
  const wanted = ['timestamp-query', 'subgroups', 'shader-f16'];
  const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature));
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  device.lost.then(
    ({ reason, message }) => reason !== 'destroyed' && stop({ error: `device lost: ${message}` }, 1),
  );
  const faults = [];
  device.onuncapturederror = ({ error }) => faults.push(error.message);
  const clock = makeClock(device, requiredFeatures.includes('timestamp-query'));
  say({
    adapter: {
      name: description || model || vendor,
      driver: [vendor, architecture].filter(Boolean).join(' '),
      software: isFallbackAdapter === true,
      features: requiredFeatures,
      languageFeatures: [...gpu.wgslLanguageFeatures],
      subgroupMinSize: adapter.info.subgroupMinSize,
      clock: clock.name,
    },
  });
  const state = { device, clock, kernels: new Map(), sets: [], turn: 0 };
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line), state).catch((error) => ({ error: error.message }));
    const [fault] = faults.splice(0);
    say(fault === undefined ? reply : { error: fault });
  }
  device.destroy();
  stop({ done: gpu !== undefined }, 0);
}

async function answer(request, state) {
  switch (request.op) {
    case 'buffers':
      return makeBuffers(request, state);
    case 'kernel':
      return compile(request, state);
    case 'time':
      return launch(request, state);
    default:
      return { error: `no such request: ${request.op}` };
  }
}

async function makeBuffers({ copies, buffers }, state) {
  const { device, kernels } = state;
  for (const buffer of [...state.sets, ...[...kernels.values()].map(({ own }) => own)].flatMap((set) => [
    ...set.values(),
  ]))
    buffer.destroy();
  kernels.clear();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  state.sets = Array.from(
    { length: copies },
    () =>
      new Map(
        buffers.map(({ name, bytes, file }) => {
          const size = Math.max(4, wholeWords(bytes));
          const buffer = device.createBuffer({ size, usage });
          const content = new Uint8Array(size);
          content.set(readFileSync(file).subarray(0, bytes));
          device.queue.writeBuffer(buffer, 0, content);
          return [name, buffer];
        }),
      ),
  );
  await device.queue.onSubmittedWorkDone();
  return { ready: true };
}

async function compile({ id, file, dispatches, scratch }, { device, kernels, sets }) {
  const module = device.createShaderModule({ code: readFileSync(file, 'utf8') });
  const own = new Map();
  for (const { name, bytes } of scratch)
    own.set(name, device.createBuffer({ size: wholeWords(bytes), usage: GPUBufferUsage.STORAGE }));
  const pipelines = new Map();
  const passes = [];
  for (const { entryPoint, workgroups, uniforms, buffers } of dispatches) {
    const compute = { module, entryPoint };
    const pipeline =
      pipelines.get(entryPoint) ?? (await device.createComputePipelineAsync({ layout: 'auto', compute }));
    pipelines.set(entryPoint, pipeline);
    const constants = uniforms.map(({ binding, value }) => {
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      const buffer = device.createBuffer({ size: 4, usage });
      device.queue.writeBuffer(buffer, 0, new Uint32Array([value]));
      own.set(`${passes.length} ${binding}`, buffer);
      return { binding, resource: { buffer } };
    });
    const groups = sets.map((set) => {
      const ranges = buffers.map(({ binding, argument, offset, bytes }) => {
        const buffer = own.get(argument) ?? set.get(argument);
        return { binding, resource: { buffer, offset, size: wholeWords(bytes) } };
      });
      const layout = pipeline.getBindGroupLayout(0);
      return device.createBindGroup({ layout, entries: [...constants, ...ranges] });
    });
    passes.push({ pipeline, groups, workgroups });
  }
  kernels.set(id, { passes, own });
  return { ready: true };
}

async function launch({ id }, state) {
  const { passes } = state.kernels.get(id);
  const turn = state.turn++;
  return {
    microseconds: await state.clock.time((pass) => {
      for (const { pipeline, groups, workgroups } of passes) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, groups[turn % groups.length]);
        pass.dispatchWorkgroups(...workgroups);
      }
    }),
  };
}

function wholeWords(bytes) {
  return Math.ceil(bytes / 4) * 4;
}

/** By the adapter's own clock where it has one, else from submit to done, which holds some overhead of the host. */
function makeClock(device, hasTimestamps) {
  if (!hasTimestamps) {
    return {
      name: 'submit-to-done',
      async time(record) {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        record(pass);
        pass.end();
        const started = performance.now();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
        return (performance.now() - started) * 1000;
      },
    };
  }
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const back = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  return {
    name: 'timestamp-query',
    async time(record) {
      const encoder = device.createCommandEncoder();
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      record(pass);
      pass.end();
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, back, 0, 16);
      device.queue.submit([encoder.finish()]);
      await back.mapAsync(GPUMapMode.READ);
      const [from, to] = new BigInt64Array(back.getMappedRange().slice(0));
      back.unmap();
      return Number(to - from) / 1000;
    },
  };
}
