/** A metadata entry: the number of its type and its value; an array's elements are of `element`. */
export type RawValue =
  | { readonly type: number; readonly value: number | bigint | boolean | string }
  | { readonly type: 9; readonly element: number; readonly value: readonly (number | string)[] };

export interface RawGgufTensor {
  readonly name: string;
  /** Outermost first, as quikc has it; the file has it the other way round. */
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Instead of the next free aligned offset. */
  readonly offset?: number;
}

export interface RawGguf {
  readonly version?: number;
  readonly metadata?: readonly (readonly [string, RawValue])[];
  readonly tensors?: readonly RawGgufTensor[];
  readonly alignment?: number;
}

export const text = (value: string): RawValue => ({ type: 8, value });
export const u32 = (value: number): RawValue => ({ type: 4, value });
export const f32 = (value: number): RawValue => ({ type: 6, value });
export const texts = (value: readonly string[]): RawValue => ({ type: 9, element: 8, value });

/** A GGUF file. */
export function writeGguf({ version = 3, metadata = [], tensors = [], alignment = 32 }: RawGguf): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('GGUF'), int32(version), int64(tensors.length)];
  parts.push(int64(metadata.length));
  for (const [key, value] of metadata) parts.push(string(key), int32(value.type), encode(value));
  const data: Uint8Array[] = [];
  let end = 0;
  for (const { name, shape, type, bytes, offset = end } of tensors) {
    parts.push(
      string(name),
      int32(shape.length),
      ...shape.toReversed().map(int64),
      int32(type),
      int64(offset),
    );
    const padded = Buffer.alloc(Math.ceil(bytes.length / alignment) * alignment);
    padded.set(bytes);
    data.push(padded);
    end += padded.length;
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([
    header,
    Buffer.alloc((alignment - (header.length % alignment)) % alignment),
    ...data,
  ]);
}

function encode(entry: RawValue): Uint8Array {
  if ('element' in entry) {
    const { element, value } = entry;
    return Buffer.concat([
      int32(element),
      int64(value.length),
      ...value.map((item) => encode({ type: element, value: item })),
    ]);
  }
  const { type, value } = entry;
  if (type === 8) return string(String(value));
  const bytes = Buffer.alloc({ 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1 }[type] ?? 8);
  if (type === 6) bytes.writeFloatLE(Number(value));
  else if (type === 12) bytes.writeDoubleLE(Number(value));
  else if (bytes.length === 8) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  else bytes.writeUIntLE(Number(value), 0, bytes.length);
  return bytes;
}

function string(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([int64(bytes.length), bytes]);
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function int64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
