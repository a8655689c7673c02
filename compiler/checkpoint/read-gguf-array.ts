import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { ByteSource } from './byte-source.ts';
import { GgufCursor, GgufFault } from './gguf-cursor.ts';
import type { GgufArray } from './gguf-metadata.ts';

/** Vocabularies are read whole; 64 MB of texts are five times the largest. */
const mostBytes = 64 * 1024 * 1024;
const longestText = 65_536;

const numberReaders: ReadonlyMap<number, readonly [number, (view: DataView, at: number) => number]> = new Map(
  [
    [4, [4, (view: DataView, at: number) => view.getUint32(at, true)]],
    [5, [4, (view: DataView, at: number) => view.getInt32(at, true)]],
    [6, [4, (view: DataView, at: number) => view.getFloat32(at, true)]],
  ],
);

/** The texts of an array that the header's reader has walked through. Faults: QK150, QK152, QK158 too large. */
export function readGgufTexts(
  source: ByteSource,
  array: GgufArray,
  name: string,
): Result<readonly string[], Diagnostic> {
  return walk(source, array, name, (cursor) => {
    if (array.elementType !== 8) cursor.fail('QK152', `${name} is no list of texts`);
    return Array.from({ length: array.count }, () => cursor.text(`a text of ${name}`, longestText));
  });
}

/** The numbers of an array of 32-bit integers or floats. Faults: QK150, QK152, QK158 too large. */
export function readGgufNumbers(
  source: ByteSource,
  array: GgufArray,
  name: string,
): Result<readonly number[], Diagnostic> {
  return walk(source, array, name, (cursor) => {
    const reader = numberReaders.get(array.elementType);
    if (reader === undefined) return cursor.fail('QK152', `${name} is no list of 32-bit numbers`);
    return Array.from({ length: array.count }, () => cursor.number(...reader));
  });
}

function walk<T>(
  source: ByteSource,
  array: GgufArray,
  name: string,
  read: (cursor: GgufCursor) => T,
): Result<T, Diagnostic> {
  const cursor = new GgufCursor(source);
  try {
    if (array.bytes > mostBytes) cursor.fail('QK158', `${name} has ${array.bytes} bytes`);
    cursor.position = array.offset;
    return succeed(read(cursor));
  } catch (cause) {
    if (cause instanceof GgufFault) return fail(cause.diagnostic);
    throw cause;
  }
}
