import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import { diagnose } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { SourceFile } from './source-file.ts';

/** 80 layers x 7 linears x 1024 listed columns are 4 MB; anything near this limit is not a description. */
const largestModelBytes = 64 * 1024 * 1024;

/**
 * Reads a model.json as UTF-8 text. Only a plain file is opened: a pipe would be waited for, and in a way that no
 * signal ends; a device may have no end.
 */
export async function readSource(file: string): Promise<Result<SourceFile, readonly Diagnostic[]>> {
  let bytes: Uint8Array;
  try {
    const kind = kindOf(await stat(file));
    if (kind !== undefined) {
      const hint = 'save the model to a file, and name that';
      return fail([diagnose('QK100', { file, message: `this is ${kind}, not a file`, hint })]);
    }
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const read = size > largestModelBytes ? undefined : await readAtMost(handle, largestModelBytes);
      if (read === undefined) {
        const message = size > largestModelBytes ? `the file has ${size} bytes` : 'the file does not end';
        return fail([diagnose('QK102', { file, message, expected: `at most ${largestModelBytes} bytes` })]);
      }
      bytes = read;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    return fail([diagnose('QK100', { file, message: explain(cause) })]);
  }
  try {
    return succeed({ file, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) });
  } catch {
    const message = 'the file is not UTF-8 text';
    return fail([
      diagnose('QK101', { file, message, hint: 'save the file as UTF-8, without a byte order mark' }),
    ]);
  }
}

/** What is there in place of a plain file; undefined where it is one. */
function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** All bytes of a file, or undefined if there are more than `limit`: files of the system do not tell their size. */
async function readAtMost(handle: FileHandle, limit: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  for (let total = 0; total <= limit; ) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(1 << 20));
    if (bytesRead === 0) return Buffer.concat(parts);
    parts.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return undefined;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ELOOP: 'the link leads back to itself',
  EACCES: 'permission to read it is denied',
};

function explain(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
}
