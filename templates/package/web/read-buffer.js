// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { assertAlive, orLost } from './watch-device.js';

/**
 * The bytes of a buffer once all that was submitted is done. Submits a copy of its own.
 * @param {GPUDevice} device
 * @param {GPUBuffer} buffer
 * @param {number} bytes
 * @returns {Promise<ArrayBuffer>}
 */
export async function readBuffer(device, buffer, bytes = buffer.size) {
  assertAlive(device);
  const size = Math.ceil(bytes / 4) * 4;
  if (!(bytes >= 0 && size <= buffer.size))
    throw new BundleError('buffer', `${bytes} bytes cannot be read of a buffer of ${buffer.size}`);
  const usage = 0x01 | 0x08; // MAP_READ | COPY_DST
  const copy = device.createBuffer({ label: 'read back', size, usage });
  try {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, size);
    device.queue.submit([encoder.finish()]);
    await orLost(device, copy.mapAsync(1)); // GPUMapMode.READ
    return copy.getMappedRange().slice(0, bytes);
  } finally {
    copy.destroy();
  }
}
