import type { ActivationDtype } from '../../ir/dtype.ts';
import { columnMetaBytes, columnMetaStride, paddedBase, paddedOutliers } from './layouts.ts';
import { narrowFloat } from './narrow-float.ts';
import { baseColumnsOf } from './outlier-columns.ts';
import { packBlocks, packCodes } from './pack-codes.ts';
import { quantiseWeights } from './quantise-weights.ts';

/** One linear's weights as a checkpoint has them. */
export interface LinearWeights {
  readonly n: number;
  readonly k: number;
  /** [N][K] row-major, exact in FP32 (FP16 and BF16 checkpoints are widened). */
  readonly weights: Float32Array;
  /** Sorted, distinct. */
  readonly outlierColumns: Int32Array;
  /** [N]; zeros where absent. */
  readonly bias?: Float32Array;
}

export interface PackOptions {
  readonly bits: 4 | 8;
  readonly dtype: ActivationDtype;
  readonly columns: 'compact' | 'in-place';
  /** [N] scales of the caller's own, e.g. from GPTQ; max-based where absent. */
  readonly scales?: Float32Array;
  /** Searches the clip per channel (QUIK's 80 candidates); not with `scales`. */
  readonly clip?: boolean;
}

/** The three weight-side arguments of a linear kernel, ready to upload (docs/layouts.md). */
export interface PackedLinear {
  readonly weights: Uint8Array;
  readonly columnMeta: Uint8Array;
  readonly outlierWeights: Uint8Array;
}

/** Reference packer: quantises the base columns, keeps the outlier columns in 16 bit, orders both for the MMAs. */
export function packQuik(linear: LinearWeights, options: PackOptions): PackedLinear {
  const { n, k, weights, outlierColumns, bias } = linear;
  const { bits, dtype, columns, scales, clip = false } = options;
  const float = narrowFloat(dtype);
  const base = baseColumnsOf(k, outlierColumns);
  // In place, base codes keep their original column and outlier columns stay 0.
  const stored = columns === 'compact' ? base.length : k;
  const padded = paddedBase(stored, bits);
  const meta = new DataView(new ArrayBuffer(columnMetaBytes(n)));
  const codeRows: Uint8Array[] = [];
  const outlierRows: Uint8Array[] = [];
  for (let channel = 0; channel < n; channel++) {
    const row = weights.subarray(channel * k, (channel + 1) * k);
    const scale = scales?.[channel];
    const quantised = quantiseWeights(
      Float32Array.from(base, (column) => row[column] ?? 0),
      bits,
      scale === undefined ? { clip } : { scale },
    );
    const codes = new Int8Array(stored);
    for (const [i, column] of base.entries()) {
      codes[columns === 'compact' ? i : column] = quantised.codes[i] ?? 0;
    }
    codeRows.push(packCodes(codes, padded, bits));
    const outliers = new Uint16Array(paddedOutliers(outlierColumns.length));
    for (const [f, column] of outlierColumns.entries()) outliers[f] = float.encode(row[column] ?? 0);
    outlierRows.push(new Uint8Array(outliers.buffer));
    meta.setFloat32(channel * columnMetaStride, quantised.scale, true);
    meta.setFloat32(channel * columnMetaStride + 4, quantised.reduced, true);
    meta.setFloat32(channel * columnMetaStride + 8, bias?.[channel] ?? 0, true);
  }
  return {
    weights: packBlocks(codeRows, padded, bits),
    columnMeta: new Uint8Array(meta.buffer),
    outlierWeights: packBlocks(outlierRows, paddedOutliers(outlierColumns.length), 16),
  };
}
