import { sharedFloats64 } from '../../../compiler/linear-algebra/threads.ts';
import { randomBell, streamKey } from '../../../compiler/reference/random.ts';

/** Bell-shaped values that depend on `stream` alone, in shared memory. */
export function noise64(length: number, stream: number): Float64Array {
  const key = streamKey(17, stream);
  const values = sharedFloats64(length);
  for (let i = 0; i < length; i++) values[i] = randomBell(key, i) + randomBell(key + 1, i) * 2 ** -30;
  return values;
}

export function noise32(length: number, stream: number): Float32Array {
  const values = new Float32Array(new SharedArrayBuffer(4 * length));
  values.set(noise64(length, stream));
  return values;
}
