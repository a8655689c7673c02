// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {{ readonly layout: GPUBindGroupLayout, readonly pipeline: GPUComputePipeline }} Compiled */

const computeStage = 0x4; // GPUShaderStage.COMPUTE, which is no global in every runtime

/**
 * Pipelines by kernel id. Kernels with buffers of equal access share a bind-group layout, and so bind groups.
 * @param {GPUDevice} device
 * @param {ReadonlyMap<string, { readonly kernel: KernelTable, readonly shader: string }>} wanted
 * @returns {Promise<ReadonlyMap<string, Compiled>>}
 */
export async function compileKernels(device, wanted) {
  /** @type {Map<string, GPUBindGroupLayout>} */
  const layouts = new Map();
  const entries = [...wanted].map(async ([id, { kernel, shader }]) => {
    const key = kernel.arguments.map(({ access }) => access).join();
    const layout = layouts.get(key) ?? makeLayout(device, kernel);
    layouts.set(key, layout);
    return /** @type {const} */ ([id, { layout, pipeline: await compile(device, id, shader, layout) }]);
  });
  return new Map(await Promise.all(entries));
}

/**
 * Binding 0 is M, at an offset of its own in a buffer of many; the arguments follow in their order.
 * @param {GPUDevice} device
 * @param {KernelTable} kernel
 */
function makeLayout(device, kernel) {
  /** @type {GPUBindGroupLayoutEntry} */
  const tokens = {
    binding: 0,
    visibility: computeStage,
    buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: 4 },
  };
  const buffers = kernel.arguments.map(({ access }, index) => ({
    binding: index + 1,
    visibility: computeStage,
    buffer: {
      type: access === 'read' ? /** @type {const} */ ('read-only-storage') : /** @type {const} */ ('storage'),
    },
  }));
  return device.createBindGroupLayout({ entries: [tokens, ...buffers] });
}

/**
 * @param {GPUDevice} device
 * @param {string} id
 * @param {string} code
 * @param {GPUBindGroupLayout} layout
 */
async function compile(device, id, code, layout) {
  // Faults come from the module, with lines, and from the pipeline, such as limits.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: id, code });
  const scope = device.popErrorScope();
  const info = module.getCompilationInfo();
  const pipeline = device
    .createComputePipelineAsync({
      label: id,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
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
