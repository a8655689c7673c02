import { assert } from '../../support/assert.ts';
import type { PtxEntry } from '../parse/ptx-module.ts';

/** The parameter block as words: one value per parameter, in the layout the entry declares. */
export function packArguments(
  entry: PtxEntry,
  values: readonly (bigint | number | Uint8Array)[],
): Int32Array {
  assert(
    values.length === entry.parameters.length,
    `${entry.name} takes ${entry.parameters.length} arguments`,
  );
  const bytes = new Uint8Array(Math.ceil(entry.parameterBytes / 4) * 4 + 4);
  const view = new DataView(bytes.buffer);
  for (const [index, parameter] of entry.parameters.entries()) {
    const value = values[index];
    const { offset, type } = parameter;
    if (value instanceof Uint8Array) {
      assert(value.length === parameter.bytes, `argument ${index} has ${parameter.bytes} bytes`);
      bytes.set(value, offset);
    } else if (parameter.bytes === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value ?? 0)), true);
    else if (type === 'f32') view.setFloat32(offset, Number(value), true);
    else if (parameter.bytes === 4) view.setInt32(offset, Number(value) | 0, true);
    else if (parameter.bytes === 2) view.setUint16(offset, Number(value), true);
    else view.setUint8(offset, Number(value));
  }
  return new Int32Array(bytes.buffer);
}
