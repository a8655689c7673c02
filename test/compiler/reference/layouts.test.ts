import { describe, expect, it } from 'vitest';
import { fillBlocks, fillRows } from '../../../compiler/reference/fill-layout.ts';
import * as layouts from '../../../compiler/reference/layouts.ts';
import { packBlocks, packCodes, unpackBlocks, unpackCodes } from '../../../compiler/reference/pack-codes.ts';

/** Operand A by the PTX fragment law, written out lane by lane: byte offset -> (row, bit). */
function fragmentLaw(): { row: number; bit: number }[] {
  const bytes: { row: number; bit: number }[] = [];
  for (let lane = 0; lane < 32; lane++) {
    const g = Math.floor(lane / 4);
    const t = lane % 4;
    for (let r = 0; r < 4; r++) {
      for (let b = 0; b < 4; b++) {
        bytes.push({ row: r % 2 === 1 ? g + 8 : g, bit: 128 * Math.floor(r / 2) + 32 * t + 8 * b });
      }
    }
  }
  return bytes;
}

describe('weight blocks', () => {
  it('follow the fragment law of operand A', () => {
    for (const [offset, { row, bit }] of fragmentLaw().entries()) {
      expect(layouts.offsetInBlock(row, bit / 8)).toBe(offset);
      if (offset % 4 === 0) expect(layouts.registerInBlock(offset)).toEqual({ row, byte: bit / 8 });
    }
  });

  it('place element (n, k) of m16n8k16 f16 where the PTX manual does', () => {
    // a0,a1: row g, k 2t, 2t+1; a2,a3: row g+8; a4,a5: row g, k 2t+8 …; a6,a7: row g+8, k 2t+8 …
    for (let lane = 0; lane < 32; lane++) {
      for (let i = 0; i < 8; i++) {
        const row = Math.floor(lane / 4) + (i % 4 < 2 ? 0 : 8);
        const k = (lane % 4) * 2 + (i % 2) + (i < 4 ? 0 : 8);
        expect(layouts.offsetInBlock(row, 2 * k)).toBe(lane * 16 + 2 * i);
      }
    }
  });

  it('come in order [channel block][k block]', () => {
    expect(layouts.offsetInBlocks(0, 32, 96)).toBe(512);
    expect(layouts.offsetInBlocks(16, 0, 96)).toBe(3 * 512);
    expect(layouts.blockedBytes(17, 192, 4)).toBe(32 * 96);
  });

  it('unpack to what was packed, whole and by parts', () => {
    const rowBytes = 96;
    const rows = Array.from({ length: 21 }, (_, n) =>
      Uint8Array.from({ length: rowBytes }, (_, b) => n * 7 + b * 3),
    );
    const packed = packBlocks(rows, 192, 4);
    expect(unpackBlocks(packed, 21, 192, 4)).toEqual(rows);
    const word = (n: number, w: number) =>
      n < 21 ? new DataView(rows[n]!.buffer).getUint32(4 * w, true) : 0;
    for (const [offset, length] of [
      [0, packed.length],
      [16, 16],
      [512 * 3 - 16, 48],
    ] as const) {
      const part = new Uint8Array(length);
      fillBlocks(offset, part, rowBytes, word);
      expect(part).toEqual(packed.subarray(offset, offset + length));
    }
  });
});

describe('codes-rows', () => {
  it('puts code 2j into the low nibble of byte j', () => {
    expect([...packCodes([1, -1, -8, 7], 64, 4).subarray(0, 3)]).toEqual([0xf1, 0x78, 0]);
    expect([...packCodes([-1, 127], 32, 8).subarray(0, 3)]).toEqual([0xff, 0x7f, 0]);
    expect([...unpackCodes(Uint8Array.of(0xf1, 0x78), 4, 4)]).toEqual([1, -1, -8, 7]);
  });

  it('pads to the MMA', () => {
    expect(layouts.codesRowStride(568, 4)).toBe(288);
    expect(layouts.codesRowStride(568, 8)).toBe(576);
    expect(layouts.outlierRowStride(8)).toBe(32);
    expect(layouts.outlierRowStride(0)).toBe(0);
  });

  it('fills any range of rows', () => {
    const whole = new Uint8Array(120);
    fillRows(0, whole, 24, (row, w) => row * 100 + w);
    const part = new Uint8Array(32);
    fillRows(16, part, 24, (row, w) => row * 100 + w);
    expect(part).toEqual(whole.subarray(16, 48));
    expect(whole[24]).toBe(100);
  });
});
