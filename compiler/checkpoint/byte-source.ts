import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { describeFileError } from '../support/describe-file-error.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';

/** Bytes that are read by range. Nothing is read before it is asked for, and nothing is kept. */
export interface ByteSource {
  /** The file as the user named it. */
  readonly file: string;
  readonly size: number;
  /** Its bytes are computed, all of them for each read. */
  readonly computed?: true;
  /** `length` bytes from `offset`, all of them; QK150 where the file cannot be read so. */
  read(offset: number, length: number): Result<Uint8Array, Diagnostic>;
}

/**
 * A plain file as bytes; QK150 for anything else: a pipe would be waited for, a device may have no end.
 * The file is opened for each read, so that a folder of hundreds of shards holds no descriptor.
 */
export function openByteSource(file: string): Result<ByteSource, Diagnostic> {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return fail(diagnose('QK150', { file, message: 'this is not a plain file' }));
    return succeed({ file, size: stats.size, read: (offset, length) => readRange(file, offset, length) });
  } catch (cause) {
    return fail(diagnose('QK150', { file, message: describeFileError(cause) }));
  }
}

/** One read of the system takes less than 2^31 bytes. */
const mostAtOnce = 2 ** 30;

function readRange(file: string, offset: number, length: number): Result<Uint8Array, Diagnostic> {
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(handle, bytes, done, Math.min(length - done, mostAtOnce), offset + done);
      if (count === 0) {
        const message = `the file ends at byte ${offset + done}, where ${length - done} more were to be read`;
        return fail(diagnose('QK150', { file, message }));
      }
      done += count;
    }
    return succeed(bytes);
  } catch (cause) {
    return fail(diagnose('QK150', { file, message: describeFileError(cause) }));
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
