// Part of a package that quikc wrote; the same in each.
import { BundleError } from './bundle-error.js';

/** @typedef {import('./types.d.ts').ByteSource} ByteSource */
/** Bytes of which parts can be had. @typedef {{ size: number, slice(start: number, end: number): ByteSource }} Sliceable */

/** So much at once: WebGPU copies what it is given. */
const chunkBytes = 4 * 2 ** 20;

/** @param {ByteSource} source */
export function sourceBytes(source) {
  return 'byteLength' in source ? source.byteLength : source.size;
}

/**
 * Whether a program's value has bytes: those in memory, or what is streamed.
 * @param {unknown} value
 * @returns {value is ByteSource}
 */
export function hasBytes(value) {
  const { byteLength, size, stream } = /** @type {Readonly<Record<string, unknown>>} */ (value ?? {});
  return typeof byteLength === 'number' || (typeof size === 'number' && typeof stream === 'function');
}

/**
 * The bytes of a source in pieces, never whole but where they are in memory already.
 * @param {ByteSource} source
 * @returns {AsyncGenerator<Uint8Array<ArrayBuffer>>}
 */
export async function* readChunks(source) {
  if ('byteLength' in source) {
    const bytes = toBytes(source);
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    return;
  }
  const reader = source.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await orRefuse('the weights cannot be read', reader.read());
      if (done) return;
      yield/** @type {Uint8Array<ArrayBuffer>} */ (value);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * The bytes of a small source.
 * @param {ByteSource} source
 */
export async function readWhole(source) {
  const bytes = new Uint8Array(sourceBytes(source));
  let at = 0;
  for await (const chunk of readChunks(source)) {
    if (at + chunk.length > bytes.length) break;
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.subarray(0, at);
}

/**
 * A file, bytes in memory, or an address whose server answers requests for a range.
 * @param {Blob | ArrayBuffer | ArrayBufferView | string | URL} source
 * @returns {Promise<Sliceable>}
 */
export async function toSliceable(source) {
  if (typeof source === 'string' || source instanceof URL) return rangesOf(source);
  if (!hasBytes(source))
    throw new BundleError('usage', `weights are a File or Blob, bytes or an address, not ${source}`);
  if (!('byteLength' in source)) return source;
  const bytes = toBytes(source);
  return { size: bytes.length, slice: (start, end) => bytes.subarray(start, end) };
}

/**
 * What a promise gives; where it rejects, that as a fault of this package.
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function orRefuse(what, promise) {
  return promise.catch((error) => {
    if (error instanceof BundleError) throw error;
    const { message, cause } = /** @type {Error} */ (error);
    const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new BundleError('weights', `${what}: ${why}`);
  });
}

/**
 * @param {ArrayBuffer | ArrayBufferView} source
 * @returns {Uint8Array<ArrayBuffer>}
 */
function toBytes(source) {
  const view = ArrayBuffer.isView(source) ? source : new Uint8Array(source);
  return new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), view.byteOffset, view.byteLength);
}

/**
 * @param {string | URL} url
 * @returns {Promise<Sliceable>}
 */
async function rangesOf(url) {
  const get = async (/** @type {number} */ start, /** @type {number} */ end) => {
    const asked = fetch(url, { headers: { range: `bytes=${start}-${end - 1}` } });
    const response = await orRefuse(`${url} cannot be fetched`, asked);
    if (response.status === 206 && response.body !== null) return response;
    const why = response.ok ? 'does not answer requests for a range' : `answers ${response.status}`;
    throw new BundleError('weights', `${url}: the server ${why}`);
  };
  const { headers, body } = await get(0, 8);
  await body?.cancel();
  const size = Number(headers.get('content-range')?.split('/')[1]);
  if (!Number.isSafeInteger(size))
    throw new BundleError('weights', `${url}: the server does not tell the file's size`);
  return {
    size,
    slice: (start, end) => ({
      size: end - start,
      stream() {
        /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
        let reader;
        return new ReadableStream({
          async pull(controller) {
            reader ??= (await get(start, end)).body?.getReader();
            const { done, value } = (await reader?.read()) ?? { done: true };
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: () => reader?.cancel(),
        });
      },
    }),
  };
}
