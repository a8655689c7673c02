import { blockBytes, blockRowBytes, registerInBlock } from './layouts.ts';

/** The 32-bit word `w` of row `row` of a packed tensor. */
export type RowWord = (row: number, w: number) => number;

/** Bytes `offset` … of rows of `stride` bytes (a multiple of 4) laid end to end. */
export function fillRows(offset: number, into: Uint8Array, stride: number, word: RowWord): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  let row = Math.floor(offset / stride);
  let w = (offset % stride) / 4;
  for (let at = 0; at < into.byteLength; at += 4) {
    view.setUint32(at, word(row, w), true);
    if (++w * 4 === stride) {
      w = 0;
      row++;
    }
  }
}

/** Bytes `offset` … of MMA blocks whose packed rows have `rowBytes` bytes. */
export function fillBlocks(offset: number, into: Uint8Array, rowBytes: number, word: RowWord): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  const blocksPerRow = rowBytes / blockRowBytes;
  for (let at = 0; at < into.byteLength; at += 4) {
    const block = Math.floor((offset + at) / blockBytes);
    const { row, byte } = registerInBlock((offset + at) % blockBytes);
    const channel = Math.floor(block / blocksPerRow) * 16 + row;
    view.setUint32(at, word(channel, ((block % blocksPerRow) * blockRowBytes + byte) / 4), true);
  }
}

/** Bytes `offset` … of 16-bit elements numbered from 0; for rows whose stride is no multiple of 4. */
export function fillElements(offset: number, into: Uint8Array, bitsAt: (index: number) => number): void {
  for (let at = 0; at < into.byteLength; at += 2) {
    const bits = bitsAt((offset + at) / 2);
    into[at] = bits & 255;
    into[at + 1] = bits >> 8;
  }
}

const floatWord = new Float32Array(1);
const wordOfFloat = new Uint32Array(floatWord.buffer);

/** The bits of an FP32 value. */
export function bitsOfFloat(value: number): number {
  floatWord[0] = value;
  return wordOfFloat[0] ?? 0;
}
