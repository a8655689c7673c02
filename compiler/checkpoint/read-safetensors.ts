import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { toPointer } from '../diagnostics/locate-diagnostics.ts';
import { parseJson } from '../diagnostics/parse-json.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { ByteSource } from './byte-source.ts';
import { countElements, findOverlaps, type StoredTensor } from './stored-tensor.ts';
import { safetensorsFormats, type TensorFormat } from './tensor-format.ts';

/**
 * 200,000 tensors at 160 bytes each, where the largest published shards have some thousands. The format's own limit,
 * 100 MB, would let a file of nothing but brackets cost gigabytes as values.
 */
const largestHeader = 32 * 1024 * 1024;
/** PyTorch's own limit is 64; no weight has more than four. */
const mostDimensions = 16;
/** Faults of one file that are worth telling. */
const mostFaults = 10;

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  readonly tensors: readonly StoredTensor[];
  /** Texts by key; empty where the file has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The tensors of one safetensors file: those of readSafetensorsHeader. */
export function readSafetensors(source: ByteSource): Result<readonly StoredTensor[], readonly Diagnostic[]> {
  const read = readSafetensorsHeader(source);
  return read.ok ? succeed(read.value.tensors) : read;
}

/**
 * The tensors and metadata of one safetensors file, from its header alone: 8 bytes of length N, N bytes of JSON, then the
 * data, which the tensors fill without gap or overlap (huggingface/safetensors, "Format"). Faults: QK150 unreadable, QK151 no
 * such header, QK153 a tensor lies where it cannot, QK154 a name twice, QK155 unknown dtype, QK158 header too large.
 */
export function readSafetensorsHeader(source: ByteSource): Result<SafetensorsHeader, readonly Diagnostic[]> {
  const { file, size } = source;
  const refuse = (code: DiagnosticCode, message: string) => fail([diagnose(code, { file, message })]);
  if (size < 8) return refuse('QK151', `the file has ${size} bytes: not even the length of a header`);
  const prefix = source.read(0, 8);
  if (!prefix.ok) return fail([prefix.error]);
  const view = new DataView(prefix.value.buffer, prefix.value.byteOffset, 8);
  // As a double: what is beyond 2^53 is beyond the file, whatever its last bits.
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  if (length > size - 8) return refuse('QK151', `a header of ${length} bytes in a file of ${size}`);
  if (length > largestHeader) {
    return refuse('QK158', `a header of ${length} bytes; quikc reads up to ${largestHeader}`);
  }
  const header = source.read(8, length);
  if (!header.ok) return fail([header.error]);
  const text = decodeUtf8(header.value);
  if (text === undefined) return refuse('QK151', 'the header is not UTF-8 text');
  const { value, faults } = parseJson(text);
  if (faults.length > 0) {
    return fail(
      faults.slice(0, mostFaults).map(({ code, path, message }) => {
        const pointer = toPointer(path);
        return diagnose(code === 'QK103' ? 'QK154' : 'QK151', { file, pointer, message });
      }),
    );
  }
  if (!isObject(value)) return refuse('QK151', 'the header is not a JSON object');
  return readEntries(value, source, 8 + length);
}

function readEntries(
  header: Readonly<Record<string, unknown>>,
  source: ByteSource,
  dataStart: number,
): Result<SafetensorsHeader, readonly Diagnostic[]> {
  const tensors: StoredTensor[] = [];
  const faults: Diagnostic[] = [];
  const metadata = readMetadata(header['__metadata__'], source.file);
  if (!metadata.ok) faults.push(metadata.error);
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const read = readEntry(name, entry, source, dataStart);
    if (read.ok) tensors.push(read.value);
    else faults.push(read.error);
    if (faults.length >= mostFaults) break;
  }
  if (faults.length === 0) faults.push(...findOverlaps(tensors, source.file).slice(0, mostFaults));
  if (faults.length === 0) {
    const gap = findGap(tensors, source, dataStart);
    if (gap !== undefined) faults.push(gap);
  }
  if (faults.length > 0 || !metadata.ok) return fail(faults);
  return succeed({ tensors, metadata: metadata.value });
}

/** "A special key __metadata__ is allowed to contain free form string-to-string map": nothing else is one. */
function readMetadata(given: unknown, file: string): Result<ReadonlyMap<string, string>, Diagnostic> {
  if (given === undefined) return succeed(new Map());
  const entries = isObject(given) ? Object.entries(given) : undefined;
  const texts = entries?.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (entries === undefined || texts?.length !== entries.length) {
    const message = 'the metadata is no object of texts';
    return fail(diagnose('QK151', { file, pointer: toPointer(['__metadata__']), message }));
  }
  return succeed(new Map(texts));
}

function readEntry(
  name: string,
  entry: unknown,
  source: ByteSource,
  dataStart: number,
): Result<StoredTensor, Diagnostic> {
  const pointer = toPointer([name]);
  const refuse = (code: DiagnosticCode, message: string) =>
    fail(diagnose(code, { file: source.file, pointer, message: `tensor ${quoteText(name)}: ${message}` }));
  if (!isObject(entry)) return refuse('QK151', 'not an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string') return refuse('QK151', 'no dtype');
  const format = safetensorsFormats.get(dtype);
  if (format === undefined) return refuse('QK155', `dtype ${quoteText(dtype)} is unknown`);
  if (!isSizes(shape) || shape.length > mostDimensions)
    return refuse('QK151', 'the shape is no list of sizes');
  if (!isSizes(offsets) || offsets.length !== 2) return refuse('QK151', 'data_offsets are not [begin, end]');
  const [begin = 0, end = 0] = offsets;
  const room = source.size - dataStart;
  if (begin > end || end > room) {
    return refuse('QK153', `its bytes are ${begin} to ${end}, the file has data for ${room}`);
  }
  const needed = bytesOf(shape, format);
  if (needed !== end - begin) {
    const size = needed === undefined ? 'more than can be counted' : `${needed}`;
    return refuse('QK153', `${dtype} of shape [${shape.join(', ')}] takes ${size} bytes, not ${end - begin}`);
  }
  return succeed({ name, format, shape, source, offset: dataStart + begin, bytes: end - begin });
}

function bytesOf(shape: readonly number[], format: TensorFormat): number | undefined {
  const elements = countElements(shape);
  return elements === undefined ? undefined : elements * format.bytes;
}

/** The format has no holes: bytes that no tensor names could be anything, and hint at a damaged header. */
function findGap(
  tensors: readonly StoredTensor[],
  { file, size }: ByteSource,
  dataStart: number,
): Diagnostic | undefined {
  const used = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  if (used === size - dataStart) return undefined;
  const message = `the tensors take ${used} bytes, the file has ${size - dataStart} bytes of data`;
  return diagnose('QK153', { file, message });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
