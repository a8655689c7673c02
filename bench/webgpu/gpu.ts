// The part of WebGPU that the benchmark uses.

export interface GpuBuffer {
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

export interface GpuPipeline {
  getBindGroupLayout(index: number): unknown;
}

interface GpuPass {
  setPipeline(pipeline: GpuPipeline): void;
  setBindGroup(index: number, group: unknown): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

interface GpuEncoder {
  beginComputePass(): GpuPass;
  copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, into: number, bytes: number): void;
  finish(): unknown;
}

export interface GpuDevice {
  readonly queue: {
    writeBuffer(buffer: GpuBuffer, at: number, data: Uint8Array | Uint32Array): void;
    submit(commands: readonly unknown[]): void;
    onSubmittedWorkDone(): Promise<void>;
  };
  createBuffer(of: { size: number; usage: number }): GpuBuffer;
  createShaderModule(of: { code: string }): unknown;
  createComputePipelineAsync(of: unknown): Promise<GpuPipeline>;
  createBindGroup(of: unknown): unknown;
  createCommandEncoder(): GpuEncoder;
  destroy(): void;
  onuncapturederror: (event: { error: { message: string } }) => void;
}

interface GpuAdapter {
  readonly info: {
    readonly description: string;
    readonly vendor: string;
    readonly isFallbackAdapter: boolean;
    readonly subgroupMinSize?: number;
  };
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(of: unknown): Promise<GpuDevice>;
}

export interface Gpu {
  requestAdapter(): Promise<GpuAdapter | null>;
}

export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;

export interface OpenDevice {
  /** Held until the end: Dawn crashes once its instance is collected. */
  readonly gpu: Gpu;
  readonly device: GpuDevice;
  readonly adapter: string;
  /** The least there are; 1 without subgroups. */
  readonly subgroupSize: number;
}

/** A device of the adapter at hand, with subgroups where it has them. */
export async function openDevice(module: string): Promise<OpenDevice> {
  const { create, globals } = (await import(module)) as { create(flags: string[]): Gpu; globals: object };
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('no adapter');
  const device = await adapter.requestDevice({
    requiredFeatures: ['subgroups'].filter((feature) => adapter.features.has(feature)),
  });
  device.onuncapturederror = ({ error }) => {
    throw new Error(error.message);
  };
  const { description, subgroupMinSize = 4 } = adapter.info;
  const subgroupSize = adapter.features.has('subgroups') ? subgroupMinSize : 1;
  return { gpu, device, adapter: description, subgroupSize };
}
