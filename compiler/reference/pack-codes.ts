import { assert } from '../support/assert.ts';
import { blockedBytes, blockedRowBytes, offsetInBlocks } from './layouts.ts';

/** Packs a row of codes as codes-rows and weight rows do: 4 bit two a byte, low nibble first; 8 bit one a byte. */
export function packCodes(codes: ArrayLike<number>, padded: number, bits: 4 | 8): Uint8Array {
  assert(codes.length <= padded, `${codes.length} codes fit in ${padded}`);
  const bytes = new Uint8Array((padded * bits) / 8);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (bits === 8) bytes[i] = code & 255;
    else bytes[i >> 1] = (bytes[i >> 1] ?? 0) | ((code & 15) << (4 * (i & 1)));
  }
  return bytes;
}

/** The first `count` codes of a packed row. */
export function unpackCodes(bytes: Uint8Array, count: number, bits: 4 | 8): Int8Array {
  const codes = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    if (bits === 8) codes[i] = bytes[i] ?? 0;
    else codes[i] = ((bytes[i >> 1] ?? 0) << (28 - 4 * (i & 1))) >> 28;
  }
  return codes;
}

/** Interleaves packed rows into MMA blocks (docs/layouts.md); `rows[n]` has paddedK * bits / 8 bytes. */
export function packBlocks(rows: readonly Uint8Array[], paddedK: number, bits: 4 | 8 | 16): Uint8Array {
  const rowBytes = blockedRowBytes(paddedK, bits);
  const packed = new Uint8Array(blockedBytes(rows.length, paddedK, bits));
  for (const [channel, row] of rows.entries()) {
    assert(row.length === rowBytes, `row ${channel} has ${rowBytes} bytes`);
    for (let byte = 0; byte < rowBytes; byte++) {
      packed[offsetInBlocks(channel, byte, rowBytes)] = row[byte] ?? 0;
    }
  }
  return packed;
}

/** The inverse of {@link packBlocks} for the first `channels` rows. */
export function unpackBlocks(
  packed: Uint8Array,
  channels: number,
  paddedK: number,
  bits: 4 | 8 | 16,
): Uint8Array[] {
  const rowBytes = blockedRowBytes(paddedK, bits);
  return Array.from({ length: channels }, (_, channel) =>
    Uint8Array.from({ length: rowBytes }, (_, byte) => packed[offsetInBlocks(channel, byte, rowBytes)] ?? 0),
  );
}
