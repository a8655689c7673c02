import { bitsOfFloat, floatOfBits } from '../numeric/bits.ts';
import { floatMmaReference } from '../numeric/float-mma-reference.ts';
import { bfloatToFloat, halfToFloat } from '../numeric/half.ts';
import { SAVED_C } from '../wasm/float-mma.ts';

const ROWS = 16;
const COLUMNS = 8;
const DEPTH = 16;
const EXPONENT = 0x7f800000;
const NAN_BITS = bitsOfFloat(Number.NaN);

// Decoded operands, one line of DEPTH values a row of A or column of B, and which lines are out of reach.
const decoded = Array.from({ length: ROWS + COLUMNS }, () => new Float64Array(DEPTH));
const isBad = new Uint8Array(ROWS + COLUMNS);

/**
 * After a float MMA that met values out of its reach: computes the outputs that depend on one, element by element.
 * `planes` are word offsets: D 0-3, A 4-7, B 8-9; C is where the bulk operation saved it.
 */
export function repairFloatMma(
  words: Int32Array,
  type: 'f16' | 'bf16',
  halves: number,
  planes: readonly number[],
): void {
  decodeOperands(words, type, halves * 8, planes);
  for (let column = 0; column < COLUMNS; column += 1) {
    const b = decoded[ROWS + column];
    for (let row = 0; row < ROWS; row += 1) {
      const register = 2 * (row >> 3) + (column & 1);
      const lane = (row & 7) * 4 + (column >> 1);
      const c = words[(SAVED_C >> 2) + register * 32 + lane] ?? 0;
      const isFiniteC = (c & EXPONENT) !== EXPONENT;
      if (isFiniteC && isBad[row] === 0 && isBad[ROWS + column] === 0) continue;
      // A NaN stays one, whatever is added to it: rows of NaN are common in test data.
      const isNan = !isFiniteC && (c & 0x7fffff) !== 0;
      const a = decoded[row];
      const result =
        isNan || a === undefined || b === undefined
          ? NAN_BITS
          : bitsOfFloat(
              floatMmaReference(
                halves === 2 ? a : a.subarray(0, 8),
                b,
                floatOfBits(c),
                type === 'f16' ? -14 : -126,
              ),
            );
      words[(planes[register] ?? 0) + lane] = result;
    }
  }
}

function decodeOperands(
  words: Int32Array,
  type: 'f16' | 'bf16',
  depth: number,
  planes: readonly number[],
): void {
  const decode = type === 'f16' ? halfToFloat : bfloatToFloat;
  for (let line = 0; line < ROWS + COLUMNS; line += 1) {
    const into = decoded[line];
    if (into === undefined) continue;
    let bad = 0;
    for (let k = 0; k < depth; k += 2) {
      const register = line < ROWS ? 4 + (line >> 3) + 2 * (k >> 3) : 8 + (k >> 3);
      const word = words[(planes[register] ?? 0) + (line & 7) * 4 + ((k & 7) >> 1)] ?? 0;
      const [low, high] = [word & 0xffff, word >>> 16];
      into[k] = decode(low);
      into[k + 1] = decode(high);
      if (!isWithinReach(type, low) || !isWithinReach(type, high)) bad = 1;
    }
    isBad[line] = bad;
  }
}

/** Whether the bulk operation's f32 products are exact and finite for this operand: the test it makes itself. */
function isWithinReach(type: 'f16' | 'bf16', code: number): boolean {
  if (type === 'f16') return (code & 0x7c00) !== 0x7c00;
  return (code & 0x7fff) === 0 || Math.abs(((code >> 7) & 255) - 127) <= 45;
}
