// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';
import { readWhole } from './byte-source.js';

/** Where a tensor lies in the file. @typedef {{ dtype: string, start: number, end: number }} Tensor */

const longestHeader = 100_000_000; // the format's own limit

/**
 * The header of a safetensors file: metadata, and every tensor's place, which is within the file.
 * @param {import('./byte-source.js').Sliceable} file
 */
export async function readHeader(file) {
  const first = await readWhole(file.slice(0, Math.min(8, file.size)));
  if (first.length < 8) return refuse(`it has ${file.size} bytes, and is no safetensors file`);
  const length = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (length > longestHeader)
    return refuse(`its header would have ${length} bytes: it is no safetensors file`);
  const base = 8 + length;
  if (base > file.size) return refuse(`it ends within its header: ${file.size} of ${base} bytes`);
  const { __metadata__: metadata, ...entries } = parseObject(
    new TextDecoder().decode(await readWhole(file.slice(8, base))),
  );
  const tensors = new Map(
    Object.entries(entries).map(([name, entry]) => [name, toTensor(name, entry, base)]),
  );
  const size = [...tensors.values()].reduce((most, { end }) => Math.max(most, end), base);
  if (size > file.size) return refuse(`it is truncated: ${file.size} of ${size} bytes`);
  return { metadata: toTexts(metadata), tensors };
}

/**
 * @param {string} text
 * @returns {Readonly<Record<string, unknown>>}
 */
export function parseObject(text) {
  try {
    const value = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  return refuse('its header is no JSON object');
}

/**
 * @param {string} name
 * @param {unknown} entry
 * @param {number} base
 * @returns {Tensor}
 */
function toTensor(name, entry, base) {
  const { dtype, data_offsets: offsets } = /** @type {Record<string, unknown>} */ (entry ?? {});
  const [from, to] = Array.isArray(offsets) ? offsets : [];
  const sound = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to;
  if (typeof dtype !== 'string' || !sound) return refuse(`its header does not say where ${name} lies`);
  return { dtype, start: base + from, end: base + to };
}

/**
 * @param {unknown} metadata
 * @returns {ReadonlyMap<string, string>}
 */
function toTexts(metadata) {
  return new Map(Object.entries(metadata ?? {}).map(([name, text]) => [name, String(text)]));
}

/**
 * @param {string} message
 * @returns {never}
 */
export function refuse(message) {
  throw new BundleError('weights', `the file of packed weights: ${message}`);
}
