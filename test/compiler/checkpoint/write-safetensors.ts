/** A tensor to write: its dtype by the format's name, and its bytes. */
export interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A safetensors file of tensors in the order given. */
export function writeSafetensors(
  tensors: Readonly<Record<string, RawTensor>>,
  metadata?: object,
): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  return withHeader(JSON.stringify(header), Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes)));
}

/** A safetensors file with any text for a header. */
export function withHeader(header: string | Uint8Array, data: Uint8Array): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** `count` zero elements of a 16-bit float. */
export function zeros(shape: readonly number[], dtype = 'F16'): RawTensor {
  return { dtype, shape, bytes: new Uint8Array(2 * shape.reduce((a, b) => a * b, 1)) };
}
