// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { assertAlive, orLost } from './watch-device.js';

// GPUBufferUsage's values, which are no globals in every runtime.
const copySource = 0x04;
const copyTarget = 0x08;
const storage = 0x80;

/**
 * Buffers of some sizes, by name: all of them, or a rejection and none.
 * @template {string} K
 * @param {GPUDevice} device
 * @param {string} owner what they are for, for messages
 * @param {Readonly<Record<K, number>>} sizes in bytes
 * @returns {Promise<Record<K, GPUBuffer>>}
 */
export async function makeBuffers(device, owner, sizes) {
  assertAlive(device);
  const entries = /** @type {[K, number][]} */ (Object.entries(sizes));
  for (const [name, bytes] of entries) {
    const most = device.limits.maxBufferSize;
    if (bytes > most) {
      const ask = 'ask for more maxBufferSize in requestDevice, or use fewer tokens';
      throw new BundleError(
        'buffer',
        `${owner}: ${name} takes ${bytes} bytes, the device allows ${most}: ${ask}`,
      );
    }
  }
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  const made = entries.map(([name, bytes]) => {
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    const usage = storage | copySource | copyTarget;
    return /** @type {const} */ ([name, device.createBuffer({ label: `${owner} ${name}`, size, usage })]);
  });
  const scopes = Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const [memory, validation] = await orLost(device, scopes);
  if (memory === null && validation === null)
    return /** @type {Record<K, GPUBuffer>} */ (Object.fromEntries(made));
  for (const [, buffer] of made) buffer.destroy();
  if (validation !== null) throw new BundleError('buffer', `${owner}: ${validation.message}`);
  const total = entries.reduce((sum, [, bytes]) => sum + bytes, 0);
  throw new BundleError('out-of-memory', `${owner}: no memory for ${total} bytes: ${memory?.message}`);
}
