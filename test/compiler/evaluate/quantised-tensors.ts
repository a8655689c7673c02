import { narrowFloat } from '../../../compiler/reference/narrow-float.ts';
import { packCodes } from '../../../compiler/reference/pack-codes.ts';
import type { QuantisedLinear } from '../../../compiler/reference/quantised-linear.ts';
import type { ActivationDtype } from '../../../ir/dtype.ts';
import type { RawTensor } from '../checkpoint/write-safetensors.ts';

/** The tensors of a linear in a file of the format "quikc-quantised-1". */
export function quantisedTensors(
  name: string,
  { bits, n, k, codes, scales, reduced, outlierColumns, outlierWeights }: QuantisedLinear,
  dtype: ActivationDtype,
): Record<string, RawTensor> {
  const rowBytes = bits === 8 ? k : Math.ceil(k / 2);
  const packed = new Uint8Array(n * rowBytes);
  for (let row = 0; row < n; row++)
    packed.set(
      packCodes(codes.subarray(row * k, (row + 1) * k), rowBytes * (8 / bits), bits),
      row * rowBytes,
    );
  const kept = Uint16Array.from(outlierWeights, narrowFloat(dtype).encode);
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
    new Uint8Array(buffer, byteOffset, byteLength).slice();
  const outliers = outlierColumns.length;
  return {
    [`${name}.codes`]: { dtype: bits === 8 ? 'I8' : 'U8', shape: [n, rowBytes], bytes: packed },
    [`${name}.scales`]: { dtype: 'F32', shape: [n], bytes: bytes(scales) },
    [`${name}.reduced`]: { dtype: 'F32', shape: [n], bytes: bytes(reduced) },
    [`${name}.outlier_columns`]: { dtype: 'I32', shape: [outliers], bytes: bytes(outlierColumns) },
    [`${name}.outlier_weights`]: { dtype: dtype.toUpperCase(), shape: [n, outliers], bytes: bytes(kept) },
  };
}
