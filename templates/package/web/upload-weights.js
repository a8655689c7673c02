// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { hasBytes, readChunks, sourceBytes } from './byte-source.js';
import { makeBuffers } from './make-buffers.js';
import { assertAlive, orLost } from './watch-device.js';

/** @typedef {import('./tables.d.ts').Tables} Tables */
/** @typedef {import('./types.d.ts').ByteSource} ByteSource */
/** @typedef {import('./types.d.ts').UploadOptions} UploadOptions */

/** Bytes handed to WebGPU before it is waited for. */
const mostPending = 64 * 2 ** 20;

/**
 * @param {Tables} tables
 * @param {GPUDevice} device
 * @param {string} layer
 * @param {Readonly<Record<string, ByteSource>>} source
 * @param {UploadOptions} [options]
 */
export async function uploadWeights(tables, device, layer, source, options = {}) {
  assertAlive(device);
  const { bytes } = findLayer(tables, layer);
  if (typeof source !== 'object' || source === null) refuse(layer, 'their source is no object');
  for (const name of Object.keys(source)) {
    if (!(name in bytes))
      refuse(layer, `there is no "${name}", the packed weights are ${Object.keys(bytes).join(', ')}`);
  }
  for (const [name, expected] of Object.entries(bytes)) {
    const data = source[name] ?? refuse(layer, `"${name}" is missing`);
    if (!hasBytes(data)) refuse(layer, `"${name}" is neither bytes nor a stream of a known size`);
    const found = sourceBytes(data);
    const why = found < expected ? 'they are truncated, or of another layer' : 'they are of another layer';
    if (found !== expected) refuse(layer, `"${name}" has ${found} bytes, expected ${expected}: ${why}`);
  }
  const buffers = await makeBuffers(device, layer, bytes);
  const total = Object.values(bytes).reduce((sum, size) => sum + size, 0);
  let before = 0;
  try {
    for (const [argument, buffer] of Object.entries(buffers)) {
      const base = before;
      await write(
        device,
        buffer,
        `${layer}: "${argument}"`,
        source[argument] ?? refuse(layer, argument),
        bytes[argument] ?? 0,
        (done) => {
          options.signal?.throwIfAborted();
          before = base + done;
          options.onProgress?.({ layer, argument, loaded: before, total });
        },
      );
    }
    return buffers;
  } catch (error) {
    for (const buffer of Object.values(buffers)) buffer.destroy();
    throw error;
  }
}

/**
 * @param {Tables} tables
 * @param {string} layer
 */
export function findLayer({ layers }, layer) {
  const table = Object.hasOwn(layers, layer) ? layers[layer] : undefined;
  if (table !== undefined) return table;
  throw new BundleError(
    'usage',
    `there is no layer "${layer}", the layers are ${Object.keys(layers).join(', ')}`,
  );
}

/**
 * @param {string} layer
 * @param {string} message
 * @returns {never}
 */
function refuse(layer, message) {
  throw new BundleError('weights', `${layer}: ${message}`);
}

/**
 * WebGPU writes whole words: a piece's odd bytes wait for the next.
 * @param {GPUDevice} device
 * @param {GPUBuffer} buffer
 * @param {string} what
 * @param {ByteSource} source
 * @param {number} expected
 * @param {(done: number) => void} onBytes
 */
async function write(device, buffer, what, source, expected, onBytes) {
  let at = 0;
  let pending = 0;
  let rest = new Uint8Array(0);
  for await (const chunk of readChunks(source)) {
    assertAlive(device);
    const bytes = rest.length === 0 ? chunk : join(rest, chunk);
    const whole = bytes.length - (bytes.length % 4);
    if (at + bytes.length > expected)
      throw new BundleError('weights', `${what} goes on after ${expected} bytes`);
    if (whole > 0) device.queue.writeBuffer(buffer, at, bytes, 0, whole);
    rest = bytes.slice(whole);
    at += whole;
    pending += whole;
    if (pending >= mostPending) {
      await orLost(device, device.queue.onSubmittedWorkDone());
      pending = 0;
    }
    onBytes(at + rest.length);
  }
  if (at + rest.length !== expected)
    throw new BundleError('weights', `${what} ends after ${at + rest.length} of ${expected} bytes`);
  if (rest.length > 0) device.queue.writeBuffer(buffer, at, join(rest, new Uint8Array(4 - rest.length)));
  await orLost(device, device.queue.onSubmittedWorkDone());
}

/**
 * @param {Uint8Array} first
 * @param {Uint8Array} second
 */
function join(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
