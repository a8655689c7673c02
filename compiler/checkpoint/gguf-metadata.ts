import { quoteText } from '../diagnostics/escape-text.ts';
import type { GgufCursor } from './gguf-cursor.ts';

/** An array of the metadata: where it lies, not what is in it. A vocabulary is read when somebody asks for it. */
export interface GgufArray {
  readonly elementType: number;
  readonly count: number;
  /** Of its first element in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export type GgufValue = number | bigint | boolean | string | GgufArray;

/** The specification's limit for a key. */
const longestKey = 65_535;
/** Chat templates and licences are tens of kilobytes. */
const longestText = 4 * 1024 * 1024;
/** Real files have some forty keys; one that lists more than this describes no model. */
const mostKeys = 65_536;
/** Elements that are walked one by one because each has a length of its own: sixty vocabularies of 260,000. */
const mostWalked = 16 * 1024 * 1024;
/** Arrays within arrays: the format allows them, no known key has one. */
const deepestArray = 4;

const textType = 8;
const arrayType = 9;
/** Bytes of the other types: u8 i8 u16 i16 u32 i32 f32 bool, then u64 i64 f64. */
const fixedBytes: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);

/** `count` keys and values (ggml/docs/gguf.md, gguf_metadata_kv_t). Throws GgufFault: QK152, and QK154 for a key twice. */
export function readGgufMetadata(cursor: GgufCursor, count: number): ReadonlyMap<string, GgufValue> {
  if (count > mostKeys) cursor.fail('QK158', `${count} metadata keys; quikc reads up to ${mostKeys}`);
  const metadata = new Map<string, GgufValue>();
  const budget = { left: mostWalked };
  for (let index = 0; index < count; index++) {
    const key = cursor.text(`metadata key ${index}`, longestKey);
    if (metadata.has(key)) cursor.fail('QK154', `the metadata has the key ${quoteText(key)} twice`);
    metadata.set(key, readValue(cursor, cursor.u32(), key, budget));
  }
  return metadata;
}

function readValue(cursor: GgufCursor, type: number, key: string, budget: { left: number }): GgufValue {
  switch (type) {
    case 0:
      return cursor.number(1, (view, at) => view.getUint8(at));
    case 1:
      return cursor.number(1, (view, at) => view.getInt8(at));
    case 2:
      return cursor.number(2, (view, at) => view.getUint16(at, true));
    case 3:
      return cursor.number(2, (view, at) => view.getInt16(at, true));
    case 4:
      return cursor.u32();
    case 5:
      return cursor.number(4, (view, at) => view.getInt32(at, true));
    case 6:
      return cursor.number(4, (view, at) => view.getFloat32(at, true));
    case 7:
      return cursor.number(1, (view, at) => view.getUint8(at) !== 0);
    case textType:
      return cursor.text(`the value of ${quoteText(key)}`, longestText);
    case arrayType:
      return readArray(cursor, key, budget, 1);
    case 10:
      return cursor.number(8, (view, at) => view.getBigUint64(at, true));
    case 11:
      return cursor.number(8, (view, at) => view.getBigInt64(at, true));
    case 12:
      return cursor.number(8, (view, at) => view.getFloat64(at, true));
    default:
      return cursor.fail('QK152', `the value of ${quoteText(key)} has the unknown type ${type}`);
  }
}

function readArray(cursor: GgufCursor, key: string, budget: { left: number }, depth: number): GgufArray {
  const what = `the array ${quoteText(key)}`;
  const elementType = cursor.u32();
  const count = cursor.size(`the length of ${what}`);
  const offset = cursor.position;
  const bytes = fixedBytes.get(elementType);
  if (bytes !== undefined) {
    cursor.skip(count * bytes, what);
  } else {
    if (elementType !== textType && elementType !== arrayType)
      cursor.fail('QK152', `${what} has elements of the unknown type ${elementType}`);
    if (depth > deepestArray) cursor.fail('QK158', `${what} nests deeper than ${deepestArray} arrays`);
    if (count > budget.left) cursor.fail('QK158', `${what} has ${count} entries; quikc walks ${mostWalked}`);
    budget.left -= count;
    for (let index = 0; index < count; index++) {
      if (elementType === textType) cursor.skip(cursor.size(`the length of a text of ${what}`), what);
      else readArray(cursor, key, budget, depth + 1);
    }
  }
  return { elementType, count, offset, bytes: cursor.position - offset };
}
