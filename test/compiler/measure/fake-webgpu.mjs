// A module like the npm package webgpu, with an adapter that is made up. What a kernel does stands in its text: `hang` never
// ends, `crash` takes the process, `lose` the device, `fault` is refused; any other takes as many milliseconds as it says.
export const globals = {
  GPUBufferUsage: { STORAGE: 1, COPY_DST: 2, UNIFORM: 4, QUERY_RESOLVE: 8, COPY_SRC: 16, MAP_READ: 32 },
};

export function create() {
  const wgslLanguageFeatures = new Set(['packed_4x8_integer_dot_product']);
  return {
    wgslLanguageFeatures,
    requestAdapter: async () => (process.env.FAKE_ADAPTER === 'none' ? null : adapter),
  };
}

const adapter = {
  info: {
    vendor: 'made',
    architecture: 'up',
    device: '',
    description: 'made-up adapter',
    isFallbackAdapter: true,
  },
  features: new Set(['subgroups']),
  limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1 },
  requestDevice: async () => makeDevice(),
};

function makeDevice() {
  let lose = () => {};
  const device = {
    lost: new Promise((resolve) => {
      lose = () => resolve({ reason: 'unknown', message: 'gone' });
    }),
    createBuffer: () => ({ destroy() {} }),
    createShaderModule: ({ code }) => ({ code }),
    async createComputePipelineAsync({ compute }) {
      if (compute.module.code === 'refused') throw new Error('the shader is refused');
      return { code: compute.module.code, getBindGroupLayout: () => ({}) };
    },
    createBindGroup: () => ({}),
    createCommandEncoder() {
      let code = '';
      const pass = {
        setPipeline: (pipeline) => (code = pipeline.code),
        setBindGroup() {},
        dispatchWorkgroups() {},
        end() {},
      };
      return { beginComputePass: () => pass, finish: () => code };
    },
    queue: {
      writeBuffer() {},
      submit: ([code]) => run(code, device, lose),
      onSubmittedWorkDone: () => Promise.resolve(),
    },
    destroy() {},
  };
  return device;
}

function run(code, device, lose) {
  if (code === 'hang') for (;;);
  if (code === 'crash') process.exit(9);
  if (code === 'lose') lose();
  if (code === 'fault') device.onuncapturederror({ error: { message: 'a fault of the device' } });
  const end = performance.now() + Number.parseFloat(code) || 0;
  while (performance.now() < end);
}
