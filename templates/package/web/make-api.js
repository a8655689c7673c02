// Part of a package that quikc wrote; the same in each.
import { BindGroups } from './bind-groups.js';
import { BundleError } from './bundle-error.js';
import { FiniteCheck } from './check-finite.js';
import { chooseVariant, findVariant, supportedVariants, tablesOf, tablesOfAll } from './choose-variant.js';
import { compileKernels } from './compile-kernels.js';
import { decodeFloats } from './decode-floats.js';
import { findMissing } from './find-missing.js';
import { findSite, makeSite, siteBytes } from './make-site.js';
import { openSafetensors } from './open-safetensors.js';
import { readBuffer } from './read-buffer.js';
import { UniformValues } from './uniform-values.js';
import { uploadWeights } from './upload-weights.js';
import { assertAlive, orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').BundleTables} BundleTables */
/** @typedef {import('./find-missing.js').Language} Language */
/** @typedef {Omit<PipelineOptions, 'gpu'> & { gpu?: GPU }} OpenOptions */
/** @typedef {{ sites?: readonly string[], variant?: string, gpu?: Language, checkFinite?: boolean }} PipelineOptions */

/**
 * The functions of index.js, whose types index.d.ts has.
 * @param {BundleTables} tables
 * @param {Readonly<Record<string, string>>} shaders by kernel id
 */
export function makeApi(tables, shaders) {
  const [least = ''] = Object.keys(tables.variants);
  const all = tablesOfAll(tables);
  return {
    /**
     * @param {GPUAdapter | null} adapter
     * @param {Language} [gpu]
     */
    supportedVariants: (adapter, gpu = globalThis.navigator?.gpu) => supportedVariants(tables, adapter, gpu),
    /**
     * @param {GPUAdapter | null} adapter
     * @param {Language} [gpu]
     * @param {string} [variant]
     */
    unsupported: (adapter, gpu = globalThis.navigator?.gpu, variant = least) =>
      findMissing(findVariant(tables.variants, variant), adapter, gpu),
    /**
     * @param {string} site
     * @param {number} M
     */
    bytes: (site, M) => siteBytes(all, site, M),
    /**
     * @param {GPUDevice} device
     * @param {string} layer
     * @param {Readonly<Record<string, import('./types.d.ts').ByteSource>>} source
     * @param {import('./types.d.ts').UploadOptions} [options]
     */
    uploadWeights: (device, layer, source, options) => uploadWeights(all, device, layer, source, options),
    /** @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} source */
    openSafetensors: (source) => openSafetensors(all, source),
    /**
     * @param {GPUDevice} device
     * @param {PipelineOptions} [options]
     */
    createPipelines: (device, options) => createPipelines(tables, shaders, device, options),
    /** @param {OpenOptions} [options] */
    open: (options) => open(tables, shaders, options),
  };
}

/**
 * @param {BundleTables} bundle
 * @param {Readonly<Record<string, string>>} shaders
 * @param {GPUDevice} device
 * @param {PipelineOptions} [options]
 */
async function createPipelines(bundle, shaders, device, options = {}) {
  assertAlive(device);
  const { gpu = globalThis.navigator?.gpu } = options;
  const variant = chooseVariant(bundle, device, options.variant, gpu);
  const tables = tablesOf(bundle, variant);
  const { sites = Object.keys(tables.sites), checkFinite = true } = options;
  const wanted = new Map();
  for (const id of sites) {
    const { quantize, linears } = findSite(tables, id);
    for (const { kernel } of [quantize, ...Object.values(linears)].flat())
      wanted.set(kernel, { kernel: tables.kernels[kernel], shader: shaders[kernel] ?? '' });
  }
  const compiled = await compileKernels(device, wanted);
  const finite = checkFinite ? new FiniteCheck(device, tables.dtype, sites) : undefined;
  const quantizes = sites.flatMap((id) => findSite(tables, id).quantize);
  await finite?.compile(quantizes.flatMap(({ kernel }) => tables.kernels[kernel] ?? []));
  const shared = { uniforms: new UniformValues(device), bindGroups: new BindGroups(device) };
  const context = { device, kernels: tables.kernels, compiled, finite, ...shared };
  /**
   * @param {GPUBuffer} buffer
   * @param {number} [bytes]
   */
  async function read(buffer, bytes) {
    const [content] = await Promise.all([readBuffer(device, buffer, bytes), finite?.assert()]);
    return content;
  }
  return {
    device,
    variant,
    sites: Object.fromEntries(sites.map((id) => [id, makeSite(tables, context, id)])),
    /**
     * @template T
     * @param {Promise<T>} promise
     */
    orLost: (promise) => orLost(device, promise),
    read,
    /**
     * @param {GPUBuffer} buffer
     * @param {number} [count]
     */
    readFloats: async (buffer, count = buffer.size / 2) =>
      decodeFloats(new Uint16Array(await read(buffer, 2 * count)), tables.dtype),
    assertFinite: async () => finite?.assert(),
  };
}

/**
 * What devices were asked of: Dawn for Node takes them with it when it is collected.
 * @type {Set<GPU>}
 */
const held = new Set();

/**
 * @param {BundleTables} bundle
 * @param {Readonly<Record<string, string>>} shaders
 * @param {OpenOptions} [options]
 */
async function open(bundle, shaders, options = {}) {
  const gpu = options.gpu ?? globalThis.navigator?.gpu;
  const adapter = (await gpu?.requestAdapter()) ?? null;
  const [best = Object.keys(bundle.variants)[0] ?? ''] = supportedVariants(bundle, adapter, gpu);
  const variant = options.variant ?? best;
  const needs = findVariant(bundle.variants, variant);
  const missing = findMissing(needs, adapter, gpu);
  if (adapter === null || missing.length > 0) throw new BundleError('unsupported', missing.join('; '));
  const device = await adapter.requestDevice(
    /** @type {GPUDeviceDescriptor} */ (/** @type {unknown} */ (needs)),
  );
  held.add(gpu);
  return createPipelines(bundle, shaders, device, { ...options, gpu, variant });
}
