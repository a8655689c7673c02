// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {import('./tables.d.ts').DispatchTable} DispatchTable */
/** @typedef {{ readonly layout: GPUBindGroupLayout, readonly pipeline: GPUComputePipeline }} Compiled */

const computeStage = 0x4; // GPUShaderStage.COMPUTE, which is no global in every runtime

/**
 * Pipelines by kernel id, one for each of its dispatches. Dispatches with buffers of equal access share a bind-group
 * layout, and so bind groups; those of one entry point share the pipeline too.
 * @param {GPUDevice} device
 * @param {ReadonlyMap<string, { readonly kernel: KernelTable, readonly shader: string }>} wanted
 * @returns {Promise<ReadonlyMap<string, readonly Compiled[]>>}
 */
export async function compileKernels(device, wanted) {
  /** @type {Map<string, GPUBindGroupLayout>} */
  const layouts = new Map();
  const entries = [...wanted].map(async ([id, { kernel, shader }]) => {
    /** @type {Map<string, Promise<Compiled>>} */
    const byEntryPoint = new Map();
    for (const dispatch of kernel.dispatches) {
      const { entryPoint } = dispatch;
      if (byEntryPoint.has(entryPoint)) continue;
      const described = describeLayout(kernel, dispatch);
      const key = JSON.stringify(described);
      const layout = layouts.get(key) ?? device.createBindGroupLayout({ entries: described });
      layouts.set(key, layout);
      const made = compile(device, id, shader, entryPoint, layout).then((pipeline) => ({ layout, pipeline }));
      byEntryPoint.set(entryPoint, made);
    }
    const all = kernel.dispatches.map(({ entryPoint }) => byEntryPoint.get(entryPoint));
    return /** @type {const} */ ([id, /** @type {Compiled[]} */ (await Promise.all(all))]);
  });
  return new Map(await Promise.all(entries));
}

/**
 * Binding 0 is M, at an offset of its own in a buffer of many; argument i has binding i + 1; after all of them comes the
 * first block of a shard.
 * @param {KernelTable} kernel
 * @param {DispatchTable} dispatch
 * @returns {GPUBindGroupLayoutEntry[]}
 */
function describeLayout({ arguments: all }, { binds, firstBlock }) {
  const uniforms = [0, ...(firstBlock === undefined ? [] : [all.length + 1])].map((binding) => ({
    binding,
    visibility: computeStage,
    buffer: { type: /** @type {const} */ ('uniform'), hasDynamicOffset: true, minBindingSize: 4 },
  }));
  const buffers = binds.map((index) => ({
    binding: index + 1,
    visibility: computeStage,
    buffer: {
      type:
        all[index]?.access === 'read'
          ? /** @type {const} */ ('read-only-storage')
          : /** @type {const} */ ('storage'),
    },
  }));
  return [...uniforms, ...buffers];
}

/**
 * @param {GPUDevice} device
 * @param {string} id
 * @param {string} code
 * @param {string} entryPoint
 * @param {GPUBindGroupLayout} layout
 */
async function compile(device, id, code, entryPoint, layout) {
  // Faults come from the module, with lines, and from the pipeline, such as limits.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: id, code });
  const scope = device.popErrorScope();
  const info = module.getCompilationInfo();
  const pipeline = device
    .createComputePipelineAsync({
      label: id,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint },
    })
    .catch((error) => /** @type {Error} */ (error));
  const [made, fault, { messages }] = await orLost(device, Promise.all([pipeline, scope, info]));
  if (!(made instanceof Error) && fault === null) return made;
  const lines = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
  const rest = [fault?.message, made instanceof Error ? made.message : undefined].filter(
    (text) => text !== undefined,
  );
  throw new BundleError(
    'kernel',
    `the kernel ${id} does not compile: ${(lines.length > 0 ? lines : rest).join('\n')}`,
  );
}
