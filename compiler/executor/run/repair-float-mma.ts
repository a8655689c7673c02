import { bitsOfFloat, floatOfBits } from '../numeric/bits.ts';
import { floatMmaReference } from '../numeric/float-mma-reference.ts';
import { bfloatToFloat, halfToFloat } from '../numeric/half.ts';
import { SAVED_C } from '../wasm/float-mma.ts';

const ROWS = 16;
const COLUMNS = 8;

/** Whether the bulk operation's f32 products are exact and finite for this operand: the test it makes itself. */
function isWithinReach(type: 'f16' | 'bf16', code: number): boolean {
  if (type === 'f16') return (code & 0x7c00) !== 0x7c00;
  return (code & 0x7fff) === 0 || Math.abs(((code >> 7) & 255) - 127) <= 45;
}

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
  const decode = type === 'f16' ? halfToFloat : bfloatToFloat;
  const depth = halves * 8;
  const rows: Float64Array[] = [];
  const isRowBad: boolean[] = [];
  const read = (register: (k: number) => number, line: number, into: Float64Array): boolean => {
    let isBad = false;
    for (let k = 0; k < depth; k += 1) {
      const word = words[(planes[register(k)] ?? 0) + line * 4 + ((k & 7) >> 1)] ?? 0;
      const code = k & 1 ? word >>> 16 : word & 0xffff;
      if (!isWithinReach(type, code)) isBad = true;
      into[k] = decode(code);
    }
    return isBad;
  };
  for (let row = 0; row < ROWS; row += 1) {
    const values = new Float64Array(depth);
    isRowBad.push(read((k) => 4 + (row >> 3) + 2 * (k >> 3), row & 7, values));
    rows.push(values);
  }
  const column = new Float64Array(depth);
  for (let j = 0; j < COLUMNS; j += 1) {
    const isColumnBad = read((k) => 8 + (k >> 3), j, column);
    for (let row = 0; row < ROWS; row += 1) {
      const register = 2 * (row >> 3) + (j & 1);
      const lane = (row & 7) * 4 + (j >> 1);
      const c = words[(SAVED_C >> 2) + register * 32 + lane] ?? 0;
      if (!isColumnBad && isRowBad[row] !== true && (c & 0x7f800000) !== 0x7f800000) continue;
      const result = floatMmaReference(
        rows[row] ?? column,
        column,
        floatOfBits(c),
        type === 'f16' ? -14 : -126,
      );
      words[(planes[register] ?? 0) + lane] = bitsOfFloat(result);
    }
  }
}
