// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';

/** @typedef {import('./tables.d.ts').KernelTable} KernelTable */
/** @typedef {Required<GPUBufferBinding>} Range */

const storage = 0x80; // GPUBufferUsage.STORAGE

/**
 * The kernel's buffers in the order of its arguments, as ranges; throws where one is missing, unknown, too small, not for
 * storage, or written while another argument reads it.
 * @param {string} owner what is launched, for messages
 * @param {KernelTable} kernel
 * @param {Readonly<Record<string, GPUBuffer | GPUBufferBinding | undefined>>} given
 * @param {readonly string[]} names every buffer that the launch may be given
 * @param {number} m
 * @param {GPUSupportedLimits} limits
 * @returns {readonly Range[]}
 */
export function checkBindings(owner, kernel, given, names, m, limits) {
  const refuse = (/** @type {string} */ message) => {
    throw new BundleError('buffer', `${owner}, M = ${m}: ${message}`);
  };
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) refuse(`there is no buffer "${name}", the buffers are ${names.join(', ')}`);
  }
  const ranges = kernel.arguments.map(({ name, bytes }) => {
    const binding = given[name];
    if (binding === undefined || binding === null) return refuse(`the buffer "${name}" is missing`);
    const range = toRange(binding);
    const needed = bytes(m);
    if (!((range.buffer.usage & storage) !== 0)) refuse(`the buffer "${name}" has not the usage STORAGE`);
    if (range.offset % limits.minStorageBufferOffsetAlignment !== 0)
      refuse(`the offset of "${name}" is no multiple of ${limits.minStorageBufferOffsetAlignment}`);
    if (range.size < needed || range.offset + range.size > range.buffer.size)
      refuse(`the buffer "${name}" has ${describe(range)}, it needs ${needed}`);
    return range;
  });
  for (const [index, { access, name }] of kernel.arguments.entries()) {
    if (access === 'read') continue;
    const other = ranges.findIndex((range, at) => at !== index && overlap(range, ranges[index]));
    if (other >= 0)
      refuse(`"${name}" is written, and is also "${kernel.arguments[other]?.name}": WebGPU forbids that`);
  }
  return ranges;
}

/**
 * @param {GPUBuffer | GPUBufferBinding} binding
 * @returns {Range}
 */
function toRange(binding) {
  const { buffer, offset = 0, size } = 'buffer' in binding ? binding : { buffer: binding };
  return { buffer, offset, size: size ?? Math.floor((buffer.size - offset) / 4) * 4 };
}

/** @param {Range} range */
function describe({ buffer, offset, size }) {
  return offset === 0 && size === buffer.size
    ? `${size} bytes`
    : `${size} bytes from ${offset} on, of ${buffer.size}`;
}

/**
 * @param {Range} one
 * @param {Range | undefined} other
 */
function overlap(one, other) {
  if (other === undefined || one.buffer !== other.buffer) return false;
  return one.offset < other.offset + other.size && other.offset < one.offset + one.size;
}
