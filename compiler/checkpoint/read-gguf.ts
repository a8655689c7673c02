import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { ByteSource } from './byte-source.ts';
import { GgufCursor, GgufFault } from './gguf-cursor.ts';
import type { GgufValue } from './gguf-metadata.ts';
import { readGgufMetadata } from './gguf-metadata.ts';
import { countElements, findOverlaps, type StoredTensor } from './stored-tensor.ts';
import { ggmlFormats } from './tensor-format.ts';

/** What the header of a GGUF file says. Tensors have the file's own names and order of rows. */
export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly StoredTensor[];
}

const magic = 0x46554747; // "GGUF"
/** Models of experts have some thousand tensors, each of which is an object here. */
const mostTensors = 262_144;
/** The specification says 64; tools have written longer ones. */
const longestName = 256;
/** GGML_MAX_DIMS */
const mostDimensions = 4;
const defaultAlignment = 32;
const largestAlignment = 65_536;
const mostFaults = 10;

/**
 * The header of a GGUF file, version 2 or 3 (ggml/docs/gguf.md): metadata, then names, shapes, types and offsets of
 * tensors. Arrays of the metadata and tensors' data are not read. Faults: QK150 unreadable, QK152 no such header,
 * QK153 a tensor lies where it cannot, QK154 a name twice, QK155 unknown type, QK158 header too large.
 */
export function readGguf(source: ByteSource): Result<GgufHeader, readonly Diagnostic[]> {
  try {
    return readHeader(new GgufCursor(source));
  } catch (cause) {
    if (cause instanceof GgufFault) return fail([cause.diagnostic]);
    throw cause;
  }
}

function readHeader(cursor: GgufCursor): Result<GgufHeader, readonly Diagnostic[]> {
  const { file, size } = cursor.source;
  if (cursor.u32() !== magic) cursor.fail('QK152', 'the file does not begin with "GGUF"');
  const version = cursor.u32();
  if (version === 2 ** 24 * 2 || version === 2 ** 24 * 3)
    cursor.fail('QK152', 'the file is big-endian; quikc reads little-endian GGUF');
  if (version !== 2 && version !== 3)
    cursor.fail('QK152', `GGUF version ${version}; quikc reads versions 2 and 3`);
  const tensorCount = cursor.size('the number of tensors');
  if (tensorCount > mostTensors)
    cursor.fail('QK158', `${tensorCount} tensors; quikc reads up to ${mostTensors}`);
  const metadata = readGgufMetadata(cursor, cursor.size('the number of metadata keys'));
  const alignment = readAlignment(cursor, metadata);
  const infos = readInfos(cursor, tensorCount, alignment);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = infos.map((tensor) => ({ ...tensor, offset: dataStart + tensor.offset }));
  const beyond = tensors
    .filter(({ offset, bytes }) => offset + bytes > size)
    .map(({ name, offset, bytes }) => {
      const message = `tensor ${quoteText(name)} takes ${bytes} bytes at byte ${offset}, the file has ${size}`;
      return diagnose('QK153', { file, message, hint: 'the file may be cut short: fetch it again' });
    });
  const faults = [...beyond, ...(beyond.length > 0 ? [] : findOverlaps(tensors, file))];
  return faults.length > 0 ? fail(faults.slice(0, mostFaults)) : succeed({ version, metadata, tensors });
}

function readAlignment(cursor: GgufCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get('general.alignment') ?? defaultAlignment;
  const good =
    typeof value === 'number' &&
    value >= 8 &&
    value <= largestAlignment &&
    Number.isInteger(Math.log2(value));
  if (!good) cursor.fail('QK152', 'general.alignment is not a power of two from 8 to 65536');
  return Number(value);
}

/** Offsets are relative to the data, whose start is known only after the last of these. */
function readInfos(cursor: GgufCursor, count: number, alignment: number): readonly StoredTensor[] {
  const { source } = cursor;
  const tensors = new Map<string, StoredTensor>();
  for (let index = 0; index < count; index++) {
    const name = cursor.text(`the name of tensor ${index}`, longestName);
    const called = `tensor ${quoteText(name)}`;
    if (tensors.has(name)) cursor.fail('QK154', `${called} is listed twice`);
    const dimensions = cursor.u32();
    if (dimensions > mostDimensions)
      cursor.fail('QK152', `${called} has ${dimensions} dimensions; the format allows ${mostDimensions}`);
    const sizes = Array.from({ length: dimensions }, () => cursor.size(`a size of ${called}`));
    const type = cursor.u32();
    const offset = cursor.size(`the offset of ${called}`);
    const format = ggmlFormats.get(type);
    if (format === undefined) cursor.fail('QK155', `${called} has the unknown type ${type}`);
    const elements = countElements(sizes);
    // The innermost size comes first, and blocks lie along it.
    if (elements === undefined || (sizes[0] ?? 1) % format.elements !== 0)
      cursor.fail('QK153', `${called}: ${format.name} has no shape [${sizes.toReversed().join(', ')}]`);
    if (offset % alignment !== 0)
      cursor.fail('QK153', `${called} begins at ${offset}, which is no multiple of ${alignment}`);
    const bytes = (elements / format.elements) * format.bytes;
    if (!Number.isSafeInteger(bytes) || !Number.isSafeInteger(offset + bytes))
      cursor.fail('QK153', `${called} takes ${bytes} bytes at ${offset}`);
    tensors.set(name, { name, format, shape: sizes.toReversed(), source, offset, bytes });
  }
  return [...tensors.values()];
}
