import type { ActivationDtype } from '../../ir/dtype.ts';
import { narrowFloat } from '../reference/narrow-float.ts';
import { packCodes } from '../reference/pack-codes.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { bytesOf } from '../support/bytes-of.ts';
import type { TensorLayout } from './lay-out-safetensors.ts';
import type { TensorToWrite } from './write-safetensors.ts';

/** In the metadata of a file, under `format`. */
export const quantisedFormat = 'quikc-quantised-1';

/** What decides how a linear's tensors look, whatever they hold. */
type LinearShape = Pick<QuantisedLinear, 'bits' | 'n' | 'k'> & { readonly outliers: number };

/** The tensors of one linear of a quantised checkpoint, of the model's name for it: what readQuantisedLinear wants. */
function layOutLinear(
  name: string,
  { bits, n, k, outliers }: LinearShape,
  dtype: ActivationDtype,
): readonly TensorLayout[] {
  const codes = bits === 8 ? { dtype: 'I8', shape: [n, k] } : { dtype: 'U8', shape: [n, Math.ceil(k / 2)] };
  return [
    { name: `${name}.codes`, ...codes },
    { name: `${name}.scales`, dtype: 'F32', shape: [n] },
    { name: `${name}.reduced`, dtype: 'F32', shape: [n] },
    { name: `${name}.outlier_columns`, dtype: 'I32', shape: [outliers] },
    { name: `${name}.outlier_weights`, dtype: dtype === 'f16' ? 'F16' : 'BF16', shape: [n, outliers] },
  ];
}

/** The same with their bytes. 4-bit codes are two a byte, code 2j in the low nibble, each row in bytes of its own. */
export function writeLinear(
  name: string,
  linear: QuantisedLinear,
  dtype: ActivationDtype,
): readonly TensorToWrite[] {
  const { encode } = narrowFloat(dtype);
  const kept = Uint16Array.from(linear.outlierWeights, encode);
  const parts: readonly ArrayBufferView[] = [
    linear.bits === 8 ? linear.codes : packRows(linear),
    linear.scales,
    linear.reduced,
    linear.outlierColumns,
    kept,
  ];
  const shape = { ...linear, outliers: linear.outlierColumns.length };
  return layOutLinear(name, shape, dtype).map((layout, index) => ({
    ...layout,
    bytes: bytesOf(parts[index] ?? new Uint8Array(0)),
  }));
}

function packRows({ n, k, codes }: QuantisedLinear): Uint8Array {
  const rowBytes = Math.ceil(k / 2);
  const packed = new Uint8Array(n * rowBytes);
  for (let row = 0; row < n; row++)
    packed.set(packCodes(codes.subarray(row * k, (row + 1) * k), 2 * rowBytes, 4), row * rowBytes);
  return packed;
}
