import { openByteSource } from '../checkpoint/byte-source.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';

/** 512 million tokens are beyond all calibrations; anything of this size is another file. */
const largestFile = 2 ** 30;

/** Ids of a file of little-endian uint16, at most `most`. QK150 unreadable, QK172 no such file. */
export function readTokens(file: string, most = Number.POSITIVE_INFINITY): Result<Uint16Array, Diagnostic> {
  const source = openByteSource(file);
  if (!source.ok) return source;
  const { size } = source.value;
  if (size % 2 === 1)
    return fail(diagnose('QK172', { file, message: `${size} bytes are no whole number of uint16` }));
  const length = Math.min(size / 2, most);
  const read = readWhole(file, 2 * length);
  if (!read.ok) return read;
  const ids = new Uint16Array(length);
  new Uint8Array(ids.buffer).set(read.value);
  return succeed(ids);
}

/** A text in UTF-8. QK150 unreadable, QK172 no text. */
export function readText(file: string): Result<string, Diagnostic> {
  const read = readWhole(file);
  if (!read.ok) return read;
  try {
    return succeed(new TextDecoder('utf-8', { fatal: true }).decode(read.value));
  } catch {
    return fail(diagnose('QK172', { file, message: 'the file is not UTF-8 text', hint: 'save it as UTF-8' }));
  }
}

function readWhole(file: string, length?: number): Result<Uint8Array, Diagnostic> {
  const source = openByteSource(file);
  if (!source.ok) return source;
  const bytes = length ?? source.value.size;
  if (bytes > largestFile) {
    const message = `the file has ${bytes} bytes; quikc reads up to ${largestFile}`;
    return fail(diagnose('QK172', { file, message, hint: 'give fewer tokens, or --max-tokens' }));
  }
  return source.value.read(0, bytes);
}
