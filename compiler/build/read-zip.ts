import { inflateRawSync } from 'node:zlib';
import { fail, type Result, succeed } from '../support/result.ts';

export interface ZipEntry {
  /** Forward slashes, relative, checked to stay inside the folder that the archive is unpacked into. */
  readonly name: string;
  /** Inflates the entry; throws if its bytes are damaged. */
  read(): Uint8Array;
}

const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endLength = 22;
const maxCommentLength = 0xffff;

/** The files of a ZIP archive (a wheel is one). Stored and deflated entries only, which is all that wheels have. */
export function readZip(bytes: Uint8Array): Result<readonly ZipEntry[], string> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const end = findEnd(data);
    if (end === undefined) return fail('no end-of-archive record: the file is cut off or not a ZIP archive');
    const entries: ZipEntry[] = [];
    let at = data.readUInt32LE(end + 16);
    const count = data.readUInt16LE(end + 10);
    for (let i = 0; i < count; i += 1) {
      if (data.readUInt32LE(at) !== centralSignature) return fail(`entry ${i} of the directory is damaged`);
      const nameLength = data.readUInt16LE(at + 28);
      const name = data.toString('utf8', at + 46, at + 46 + nameLength);
      if (!isSafe(name)) return fail(`entry name ${JSON.stringify(name)} leaves the folder`);
      if (!name.endsWith('/')) entries.push(entryAt(data, at, name));
      at += 46 + nameLength + data.readUInt16LE(at + 30) + data.readUInt16LE(at + 32);
    }
    return succeed(entries);
  } catch (error) {
    if (error instanceof RangeError) return fail('the archive is cut off');
    throw error;
  }
}

function findEnd(data: Buffer): number | undefined {
  const lowest = Math.max(0, data.length - endLength - maxCommentLength);
  for (let at = data.length - endLength; at >= lowest; at -= 1)
    if (data.readUInt32LE(at) === endSignature) return at;
  return undefined;
}

function entryAt(data: Buffer, at: number, name: string): ZipEntry {
  const method = data.readUInt16LE(at + 10);
  const packedSize = data.readUInt32LE(at + 20);
  const size = data.readUInt32LE(at + 24);
  const local = data.readUInt32LE(at + 42);
  return {
    name,
    read() {
      if (data.readUInt32LE(local) !== localSignature) throw new Error(`${name}: damaged header`);
      // The local header's own lengths count: its extra field may differ from the directory's.
      const start = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28);
      const packed = data.subarray(start, start + packedSize);
      if (method !== 0 && method !== 8) throw new Error(`${name}: unknown compression method ${method}`);
      const content = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
      if (content.length !== size) throw new Error(`${name}: ${content.length} bytes instead of ${size}`);
      return content;
    },
  };
}

function isSafe(name: string): boolean {
  return (
    !name.startsWith('/') && !name.includes('\\') && !name.split('/').includes('..') && !name.includes('\0')
  );
}
