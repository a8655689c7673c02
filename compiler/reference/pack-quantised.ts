import type { ActivationDtype } from '../../ir/dtype.ts';
import { columnMetaBytes, columnMetaStride, paddedBase, paddedOutliers } from './layouts.ts';
import { narrowFloat } from './narrow-float.ts';
import { baseColumnsOf } from './outlier-columns.ts';
import { packBlocks, packCodes } from './pack-codes.ts';
import type { QuantisedLinear } from './quantised-linear.ts';

/** The three weight-side arguments of a linear kernel, ready to upload (docs/layouts.md). */
export interface PackedLinear {
  readonly weights: Uint8Array;
  readonly columnMeta: Uint8Array;
  readonly outlierWeights: Uint8Array;
}

export interface PackQuantisedOptions {
  readonly dtype: ActivationDtype;
  readonly columns: 'compact' | 'in-place';
  /** [N]; zeros where absent. */
  readonly bias?: Float32Array | undefined;
}

/** Orders codes, outlier weights and column meta for the MMAs. */
export function packQuantised(linear: QuantisedLinear, options: PackQuantisedOptions): PackedLinear {
  const { bits, n, k, codes, scales, reduced, outlierColumns, outlierWeights } = linear;
  const { dtype, columns, bias } = options;
  const float = narrowFloat(dtype);
  // In place, base codes keep their original column and outlier columns are 0 already.
  const base = columns === 'compact' ? baseColumnsOf(k, outlierColumns) : undefined;
  const padded = paddedBase(base?.length ?? k, bits);
  const outliers = outlierColumns.length;
  const meta = new DataView(new ArrayBuffer(columnMetaBytes(n)));
  const codeRows: Uint8Array[] = [];
  const outlierRows: Uint8Array[] = [];
  for (let channel = 0; channel < n; channel++) {
    const row = codes.subarray(channel * k, (channel + 1) * k);
    codeRows.push(packCodes(base === undefined ? row : base.map((column) => row[column] ?? 0), padded, bits));
    const kept = new Uint16Array(paddedOutliers(outliers));
    for (let f = 0; f < outliers; f++) kept[f] = float.encode(outlierWeights[channel * outliers + f] ?? 0);
    outlierRows.push(new Uint8Array(kept.buffer));
    meta.setFloat32(channel * columnMetaStride, scales[channel] ?? 0, true);
    meta.setFloat32(channel * columnMetaStride + 4, reduced[channel] ?? 0, true);
    meta.setFloat32(channel * columnMetaStride + 8, bias?.[channel] ?? 0, true);
  }
  return {
    weights: packBlocks(codeRows, padded, bits),
    columnMeta: new Uint8Array(meta.buffer),
    outlierWeights: packBlocks(outlierRows, paddedOutliers(outliers), 16),
  };
}
