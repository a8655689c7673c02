import type { ByteSource } from '../../../compiler/checkpoint/byte-source.ts';
import { succeed } from '../../../compiler/support/result.ts';

/** Bytes in memory as a file, counting what is asked for. A read outside throws: readers have to check before. */
export interface MemorySource extends ByteSource {
  readonly asked: { bytes: number; reads: number };
}

export function memorySource(bytes: Uint8Array, file = 'memory'): MemorySource {
  const asked = { bytes: 0, reads: 0 };
  return {
    file,
    size: bytes.length,
    asked,
    read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
        throw new Error(`read of ${length} bytes at ${offset} in ${bytes.length}`);
      }
      asked.bytes += length;
      asked.reads += 1;
      return succeed(bytes.slice(offset, offset + length));
    },
  };
}
