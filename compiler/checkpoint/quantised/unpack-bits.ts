/** Codes packed in words of 32 bit, lowest bits first; where bits do not divide 32, some straddle two words. */
export interface PackedLines {
  readonly words: Uint32Array;
  readonly bits: number;
  readonly lines: number;
  /** Codes of a line; what its last word has beyond them is padding. */
  readonly count: number;
  /** Words from one line to the next, and from one word of a line to the next. */
  readonly stride: { readonly line: number; readonly word: number };
}

/** [lines, count] codes from 0 to 2^bits - 1, for bits from 1 to 8. */
export function unpackBits({ words, bits, lines, count, stride }: PackedLines): Uint8Array {
  const codes = new Uint8Array(lines * count);
  const mask = 2 ** bits - 1;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < count; i++) {
      const bit = i * bits;
      const shift = bit % 32;
      const at = line * stride.line + ((bit - shift) / 32) * stride.word;
      let code = (words[at] ?? 0) >>> shift;
      if (shift + bits > 32) code |= (words[at + stride.word] ?? 0) << (32 - shift);
      codes[line * count + i] = code & mask;
    }
  }
  return codes;
}

/** Words that `count` codes of `bits` bits take. */
export function wordsOf(count: number, bits: number): number {
  return Math.ceil((count * bits) / 32);
}

/** [columns, rows] of what is [rows, columns]. */
export function transpose(values: Uint8Array, rows: number, columns: number): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = values[row * columns + column] ?? 0;
  return out;
}
