// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';

/** @typedef {{ fault: BundleError | undefined, readonly lost: Promise<never> }} Watch */

/** @type {WeakMap<GPUDevice, Watch>} */
const watches = new WeakMap();

/**
 * WebGPU takes calls on a lost device in silence: so the loss is noted once, and every call asks.
 * @param {GPUDevice} device
 * @returns {Watch}
 */
function watch(device) {
  const known = watches.get(device);
  if (known !== undefined) return known;
  const lost = device.lost.then(({ reason, message }) => {
    made.fault = new BundleError('device-lost', `the device is lost (${reason}): ${message}`);
    throw made.fault;
  });
  lost.catch(() => {}); // a loss that nobody waits for is no unhandled rejection
  /** @type {Watch} */
  const made = { fault: undefined, lost };
  watches.set(device, made);
  return made;
}

/**
 * Throws if the device is known to be lost.
 * @param {GPUDevice} device
 */
export function assertAlive(device) {
  const { fault } = watch(device);
  if (fault !== undefined) throw fault;
}

/**
 * `promise`, or a rejection once the device is lost, whichever comes first.
 * @template T
 * @param {GPUDevice} device
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function orLost(device, promise) {
  const { lost } = watch(device);
  try {
    const value = await Promise.race([promise, lost]);
    assertAlive(device);
    return value;
  } catch (error) {
    // What was pending when the device went may fail before the loss itself is told.
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertAlive(device);
    throw error;
  }
}
