/**
 * Shared memory for what a piece of work needs, one buffer a purpose, used again and again: buffers of their own for each
 * would be gigabytes before they are collected.
 */
export interface SharedRoom {
  /** At least so many bytes, with whatever was left in them. */
  take(purpose: string, bytes: number): SharedArrayBuffer;
  floats64(purpose: string, values: Float64Array): Float64Array;
  floats32(purpose: string, values: Float32Array): Float32Array;
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
  return {
    take,
    floats64(purpose, values) {
      const copy = new Float64Array(take(purpose, values.byteLength), 0, values.length);
      copy.set(values);
      return copy;
    },
    floats32(purpose, values) {
      const copy = new Float32Array(take(purpose, values.byteLength), 0, values.length);
      copy.set(values);
      return copy;
    },
  };
}
