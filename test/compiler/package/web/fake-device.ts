/** A device that counts what is made, and fails where it is told to: enough for what runs before any shader. */
export function fakeDevice() {
  const counts = {
    ...{ buffers: 0, destroyed: 0, groups: 0 },
    dispatches: [] as (readonly number[])[],
    modules: [] as string[],
  };
  const faults: { 'out-of-memory'?: string } = {};
  const scopes: string[] = [];
  let lose: (info: { reason: string; message: string }) => void = () => {};
  const written = new Map<object, Uint8Array>();
  const pass = {
    setPipeline() {},
    setBindGroup() {},
    dispatchWorkgroups: (...sides: number[]) => counts.dispatches.push(sides),
    end() {},
  };
  const device = {
    features: new Set<string>(),
    adapterInfo: { subgroupMinSize: 4 } as { subgroupMinSize?: number },
    limits: {
      ...{ maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27, maxStorageBuffersPerShaderStage: 8 },
      ...{ maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 },
      ...{ maxComputeWorkgroupSizeX: 256, maxComputeWorkgroupSizeY: 256, maxComputeWorkgroupSizeZ: 64 },
      ...{ maxComputeWorkgroupsPerDimension: 65535 },
      ...{ minUniformBufferOffsetAlignment: 256, minStorageBufferOffsetAlignment: 256 },
    },
    lost: new Promise((resolve) => {
      lose = resolve;
    }),
    createBuffer({ size, usage }: { size: number; usage: number }) {
      counts.buffers += 1;
      const destroy = () => {
        counts.destroyed += 1;
      };
      const buffer = { size, usage, destroy };
      written.set(buffer, new Uint8Array(size));
      return buffer;
    },
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createShaderModule({ label }: { label: string }) {
      counts.modules.push(label);
      return { getCompilationInfo: async () => ({ messages: [] }) };
    },
    createComputePipelineAsync: async () => ({}),
    createBindGroup() {
      counts.groups += 1;
      return {};
    },
    pushErrorScope: (filter: string) => scopes.push(filter),
    async popErrorScope() {
      const message = faults[scopes.pop() as 'out-of-memory'];
      return message === undefined ? null : { message };
    },
    queue: {
      writeBuffer(buffer: object, at: number, data: Uint8Array, from = 0, size = data.length) {
        written.get(buffer)?.set(new Uint8Array(data.buffer, data.byteOffset + from, size), at);
      },
      onSubmittedWorkDone: async () => {},
    },
  };
  return { device, pass, counts, faults, written, lose };
}
