/**
 * Shared memory for what a piece of work needs, one buffer a purpose, used again and again. A SharedArrayBuffer weighs nothing with V8's
 * collector, and a worker that was sent one holds it until its own collector runs: buffers of their own for each use
 * would be gigabytes before any of them is given back.
 */
export interface SharedRoom {
  /** At least so many bytes, with whatever was left in them: whoever took the purpose before may not use it any more. */
  take(purpose: string, bytes: number): SharedArrayBuffer;
  /** The same as so many values. */
  take64(purpose: string, length: number): Float64Array<SharedArrayBuffer>;
  take32(purpose: string, length: number): Float32Array<SharedArrayBuffer>;
  /** The values, until the purpose is taken again: themselves where they are in shared memory. */
  share64(purpose: string, values: Float64Array): Float64Array;
  share32(purpose: string, values: Float32Array): Float32Array;
  shareBytes(purpose: string, values: Uint8Array): Uint8Array;
  shareCodes(purpose: string, values: Int8Array): Int8Array;
}

export function makeSharedRoom(): SharedRoom {
  const pieces = new Map<string, SharedArrayBuffer>();
  const take = (purpose: string, bytes: number): SharedArrayBuffer => {
    const kept = pieces.get(purpose);
    if (kept !== undefined && kept.byteLength >= bytes) return kept;
    const made = new SharedArrayBuffer(bytes);
    pieces.set(purpose, made);
    return made;
  };
  const take64 = (purpose: string, length: number) => new Float64Array(take(purpose, 8 * length), 0, length);
  const take32 = (purpose: string, length: number) => new Float32Array(take(purpose, 4 * length), 0, length);
  return {
    take,
    take64,
    take32,
    share64(purpose, values) {
      if (values.buffer instanceof SharedArrayBuffer) return values;
      const copy = take64(purpose, values.length);
      copy.set(values);
      return copy;
    },
    share32(purpose, values) {
      if (values.buffer instanceof SharedArrayBuffer) return values;
      const copy = take32(purpose, values.length);
      copy.set(values);
      return copy;
    },
    shareBytes(purpose, values) {
      if (values.buffer instanceof SharedArrayBuffer) return values;
      const copy = new Uint8Array(take(purpose, values.length), 0, values.length);
      copy.set(values);
      return copy;
    },
    shareCodes(purpose, values) {
      if (values.buffer instanceof SharedArrayBuffer) return values;
      const copy = new Int8Array(take(purpose, values.length), 0, values.length);
      copy.set(values);
      return copy;
    },
  };
}
