// Part of a package that quikc wrote; the same in each.
import { BindGroups } from './bind-groups.js';
import { BundleError } from './bundle-error.js';
import { compileKernels } from './compile-kernels.js';
import { findMissing, findMissingOfDevice } from './find-missing.js';
import { findSite, makeSite, siteBytes } from './make-site.js';
import { openSafetensors } from './open-safetensors.js';
import { readBuffer } from './read-buffer.js';
import { TokenCounts } from './token-counts.js';
import { uploadWeights } from './upload-weights.js';
import { assertAlive, orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').Tables} Tables */

/**
 * The functions of index.js, whose types index.d.ts has.
 * @param {Tables} tables
 * @param {Readonly<Record<string, string>>} shaders by kernel id
 */
export function makeApi(tables, shaders) {
  return {
    /**
     * @param {GPUAdapter | null} adapter
     * @param {Pick<GPU, 'wgslLanguageFeatures'>} [gpu]
     */
    unsupported: (adapter, gpu = globalThis.navigator?.gpu) => findMissing(tables, adapter, gpu),
    /**
     * @param {string} site
     * @param {number} M
     */
    bytes: (site, M) => siteBytes(tables, site, M),
    /**
     * @param {GPUDevice} device
     * @param {string} layer
     * @param {Readonly<Record<string, import('./types.d.ts').ByteSource>>} source
     * @param {import('./types.d.ts').UploadOptions} [options]
     */
    uploadWeights: (device, layer, source, options) => uploadWeights(tables, device, layer, source, options),
    /** @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} source */
    openSafetensors: (source) => openSafetensors(tables, source),
    /**
     * @param {GPUDevice} device
     * @param {{ sites?: readonly string[] }} [options]
     */
    createPipelines: (device, options) => createPipelines(tables, shaders, device, options),
  };
}

/**
 * @param {Tables} tables
 * @param {Readonly<Record<string, string>>} shaders
 * @param {GPUDevice} device
 * @param {{ sites?: readonly string[] }} [options]
 */
async function createPipelines(tables, shaders, device, { sites = Object.keys(tables.sites) } = {}) {
  assertAlive(device);
  const missing = findMissingOfDevice(tables, device);
  if (missing.length > 0) {
    const ask = 'give requiredFeatures and requiredLimits to requestDevice';
    throw new BundleError(
      'unsupported',
      `the device was made without what the kernels need (${ask}): ${missing.join('; ')}`,
    );
  }
  const wanted = new Map();
  for (const id of sites) {
    const { quantize, linears } = findSite(tables, id);
    for (const { kernel } of [quantize, ...Object.values(linears)].flat())
      wanted.set(kernel, { kernel: tables.kernels[kernel], shader: shaders[kernel] ?? '' });
  }
  const compiled = await compileKernels(device, wanted);
  const shared = { tokenCounts: new TokenCounts(device), bindGroups: new BindGroups(device) };
  const context = { device, kernels: tables.kernels, compiled, ...shared };
  return {
    device,
    sites: Object.fromEntries(sites.map((id) => [id, makeSite(tables, context, id)])),
    /**
     * @template T
     * @param {Promise<T>} promise
     */
    orLost: (promise) => orLost(device, promise),
    /**
     * @param {GPUBuffer} buffer
     * @param {number} [bytes]
     */
    read: (buffer, bytes) => readBuffer(device, buffer, bytes),
  };
}
