import { wgslFamilies } from '../../compiler/families/index.ts';
import { narrowFloat } from '../../compiler/reference/narrow-float.ts';
import type { BufferArgument } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import type { SpecOf } from '../../ir/kernel-spec.ts';
import { planDispatches } from '../../ir/plan-dispatches.ts';
import type { QuantizeProblem } from '../../ir/problem.ts';
import { quantizeShader, renderShader } from '../../test/webgpu/shader-workbench.ts';
import { type GpuBuffer, type GpuDevice, type GpuPipeline, usage } from './gpu.ts';
import { type Layer, packLayer } from './layer.ts';

export type LinearSpec = SpecOf<'linear', 'wgsl'>;

/** A layer's buffers on the device for `m` tokens; kernels of any schedule run on them. */
export interface LoadedLayer {
  readonly m: number;
  /** A pipeline and its bindings, to be dispatched. */
  prepare(spec: LinearSpec): Promise<Dispatch>;
  /** The quantise before it, with each workgroup size. */
  readonly quantizes: readonly Dispatch[];
  /** Dispatches on the device, and waits. */
  run(dispatches: readonly Dispatch[]): Promise<void>;
  /** Activations up, quantise, linear, result down. */
  whole(quantize: Dispatch, linear: Dispatch): Promise<Uint16Array>;
  destroy(): void;
}

/** A kernel's dispatches, in order. */
export type Dispatch = readonly {
  readonly pipeline: GpuPipeline;
  readonly group: unknown;
  readonly workgroups: readonly [number, number, number];
}[];

export async function loadLayer(
  device: GpuDevice,
  layer: Layer,
  problem: LinearSpec['problem'],
  m: number,
): Promise<LoadedLayer> {
  const made: GpuBuffer[] = [];
  const newBuffer = (bytes: number, flags: number): GpuBuffer => {
    const buffer = device.createBuffer({ size: Math.ceil(bytes / 16) * 16, usage: flags });
    made.push(buffer);
    return buffer;
  };
  const named = new Map<string, GpuBuffer>();
  const upload = (name: string, bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    const buffer = newBuffer(bytes.length, usage.storage | usage.copyTarget);
    device.queue.writeBuffer(buffer, 0, bytes);
    named.set(name, buffer);
  };
  const f16 = narrowFloat('f16');
  const x = bytesOf(Uint16Array.from(layer.tokens(m), (value) => f16.encode(value)));
  const packed = packLayer(layer, problem);
  upload('weights', packed.weights);
  upload('column_meta', packed.columnMeta);
  upload('outlier_weights', packed.outlierWeights);
  upload('outlier_columns', bytesOf(layer.columns));
  upload('x', x);
  const uniform = (value: number): GpuBuffer => {
    const buffer = newBuffer(16, usage.uniform | usage.copyTarget);
    device.queue.writeBuffer(buffer, 0, new Uint32Array([value]));
    return buffer;
  };
  const yBytes = m * layer.n * 2;
  const back = newBuffer(yBytes, usage.mapRead | usage.copyTarget);

  async function prepareAny(spec: LinearSpec | SpecOf<'quantize', 'wgsl'>): Promise<Dispatch> {
    const contract =
      spec.family === 'linear' ? wgslFamilies.linear.contract(spec) : wgslFamilies.quantize.contract(spec);
    const module = device.createShaderModule({ code: renderShader(spec) });
    const buffers = contract.arguments.filter(
      (argument): argument is BufferArgument => argument.kind === 'buffer',
    );
    for (const { name, bytes } of buffers)
      if (!named.has(name)) named.set(name, newBuffer(evaluate(bytes, m), usage.storage | usage.copySource));
    const made: Dispatch[number][] = [];
    for (const { entryPoint, workgroups, uniforms, buffers: bound } of planDispatches(contract, m)) {
      const pipeline = await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint },
      });
      const constants = uniforms.map(({ binding, value }) => ({
        binding,
        resource: { buffer: uniform(value) },
      }));
      const ranges = bound.map(({ binding, argument, offset, bytes }) => ({
        binding,
        resource: { buffer: named.get(argument), offset, size: Math.ceil(bytes / 4) * 4 },
      }));
      const entries = [...constants, ...ranges];
      const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      made.push({ pipeline, group, workgroups });
    }
    return made;
  }

  function encode(dispatches: readonly Dispatch[]) {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of dispatches.flat()) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    return encoder;
  }

  const { k, outliers, activationBits, dtype, columns } = problem;
  const rows: Partial<QuantizeProblem> = { k, outliers, bits: activationBits, dtype, columns };
  const quantizes: Dispatch[] = [];
  for (const threads of [32, 64, 128, 256])
    quantizes.push(await prepareAny(quantizeShader(rows, threads) as SpecOf<'quantize', 'wgsl'>));
  return {
    m,
    quantizes,
    prepare: prepareAny,
    async run(dispatches) {
      device.queue.submit([encode(dispatches).finish()]);
      await device.queue.onSubmittedWorkDone();
    },
    async whole(quantize, linear) {
      const input = named.get('x');
      const output = named.get('y');
      if (input === undefined || output === undefined) throw new Error('x and y are bound');
      device.queue.writeBuffer(input, 0, x);
      const encoder = encode([quantize, linear]);
      encoder.copyBufferToBuffer(output, 0, back, 0, yBytes);
      device.queue.submit([encoder.finish()]);
      await back.mapAsync(usage.mapRead);
      const y = new Uint16Array(back.getMappedRange().slice(0, yBytes));
      back.unmap();
      return y;
    },
    destroy() {
      for (const buffer of made) buffer.destroy();
    },
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
