// Stands in for the npm package webgpu: an adapter that fails in the way that FAKE_DAWN names, and runs nothing.
const way = process.env.FAKE_DAWN;
const limits = { maxBufferSize: way === 'small' ? 64 : 2 ** 28 };

class GPUOutOfMemoryError {
  message = 'the heap is full';
}

export const globals = {
  GPUBufferUsage: { STORAGE: 128, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, MAP_READ: 1 },
  GPUMapMode: { READ: 1 },
};

const nothing = () => {};
const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing };
const encoder = { beginComputePass: () => pass, copyBufferToBuffer: nothing, finish: nothing };

function makeDevice() {
  let lose = nothing;
  const device = {
    limits,
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    createShaderModule: nothing,
    createComputePipelineAsync: async () => ({ getBindGroupLayout: nothing }),
    pushErrorScope: nothing,
    popErrorScope: async () => (way === 'full' ? new GPUOutOfMemoryError() : null),
    createBuffer: () => ({
      destroy: nothing,
      getMappedRange: () => new ArrayBuffer(1024),
      mapAsync: async () => undefined,
    }),
    createBindGroup: nothing,
    createCommandEncoder: () => encoder,
    destroy: nothing,
    queue: {
      writeBuffer: nothing,
      submit: nothing,
      onSubmittedWorkDone: () => {
        const loss = { reason: 'unknown', message: 'the driver went' };
        if (way === 'lost') lose(loss);
        if (way === 'lost late') setTimeout(() => lose(loss), 50);
        if (way === 'uncaptured') device.onuncapturederror({ error: new GPUOutOfMemoryError() });
        if (way === 'lost late') return Promise.reject(new Error('the wait was cut off'));
        // What waits for a device that is gone may wait for ever.
        return way === 'well' ? Promise.resolve() : new Promise(() => setTimeout(nothing, 60_000));
      },
    },
  };
  return device;
}

const adapter = {
  info: { vendor: 'fake', device: 'fake', description: 'a fake', isFallbackAdapter: true },
  features: new Set(),
  limits,
  requestDevice: async () => makeDevice(),
};

export const create = () => ({
  wgslLanguageFeatures: new Set(['packed_4x8_integer_dot_product']),
  requestAdapter: async () => (way === 'none' ? null : adapter),
});
