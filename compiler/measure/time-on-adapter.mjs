// Times WGSL kernels on a WebGPU adapter, in a process of its own: node time-on-adapter.mjs <webgpu module>. One JSON
// request a line on stdin, one JSON reply a line on stdout; the first reply is about the adapter. Requests:
//   { op: 'buffers', tokens, copies, buffers: [{ binding, bytes, file }] }   what all kernels of a problem are launched on
//   { op: 'kernel', id, file, features }                                     compiles a kernel
//   { op: 'time', id, workgroups }                                           one launch, on the copy that is coldest
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
  const state = { device, clock, pipelines: new Map(), sets: [], uniform: undefined, turn: 0 };
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

async function makeBuffers({ tokens, copies, buffers }, state) {
  const { device } = state;
  for (const { buffer } of [...state.sets.flat(), ...(state.uniform ?? [])]) buffer.destroy();
  state.pipelines.clear();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  state.sets = Array.from({ length: copies }, () =>
    buffers.map(({ binding, bytes, file }) => {
      const size = Math.max(4, Math.ceil(bytes / 4) * 4);
      const buffer = device.createBuffer({ size, usage });
      const content = new Uint8Array(size);
      content.set(readFileSync(file).subarray(0, bytes));
      device.queue.writeBuffer(buffer, 0, content);
      return { binding, buffer };
    }),
  );
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, new Uint32Array([tokens]));
  state.uniform = [{ binding: 0, buffer }];
  await device.queue.onSubmittedWorkDone();
  return { ready: true };
}

async function compile({ id, file }, { device, pipelines, sets, uniform }) {
  const module = device.createShaderModule({ code: readFileSync(file, 'utf8') });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const layout = pipeline.getBindGroupLayout(0);
  const groups = sets.map((set) =>
    device.createBindGroup({
      layout,
      entries: [...uniform, ...set].map(({ binding, buffer }) => ({ binding, resource: { buffer } })),
    }),
  );
  pipelines.set(id, { pipeline, groups });
  return { ready: true };
}

async function launch({ id, workgroups }, state) {
  const { pipeline, groups } = state.pipelines.get(id);
  const group = groups[state.turn++ % groups.length];
  return {
    microseconds: await state.clock.time((pass) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }),
  };
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
