import { baseColumns, type QuantizeProblem } from '../../../ir/problem.ts';
import { ceilDiv, roundUp } from '../../support/integer.ts';

/** Sizes that follow from the problem alone; columns are counted, not bytes. */
export interface QuantizeGeometry {
  readonly baseColumns: number;
  readonly codesPerSegment: number;
  readonly paddedBase: number;
  readonly paddedOutliers: number;
  /** Values that a thread holds together, and loads at once where rows (and half-rows) of x are aligned: a pair at least. */
  readonly vector: 8 | 4 | 2;
}

export function quantizeGeometry(problem: QuantizeProblem): QuantizeGeometry {
  const base = baseColumns(problem);
  const codesPerSegment = 256 / problem.bits;
  return {
    baseColumns: base,
    codesPerSegment,
    paddedBase: roundUp(base, codesPerSegment),
    paddedOutliers: roundUp(problem.outliers, 16),
    vector: vectorOf(problem),
  };
}

/** Compacting moves pairs: a warp's 32 then go to 32 banks, where longer vectors would meet in a few. */
function vectorOf({ k, outliers, columns }: QuantizeProblem): 8 | 4 | 2 {
  if (outliers > 0 && columns === 'compact') return 2;
  return k % 8 === 0 ? 8 : k % 4 === 0 ? 4 : 2;
}

/** Dynamic shared memory: the staged 16-bit row, then what tells base columns from outliers (slots/columns). */
export function quantizeSharedBytes(problem: QuantizeProblem): number {
  const stagedRow = roundUp(problem.k, 8) * 2;
  if (problem.outliers === 0) return stagedRow;
  return stagedRow + (problem.columns === 'compact' ? ceilDiv(problem.k, 32) * 8 : 4);
}

/** Bytes of a row of codes. */
export function codeRowBytes(problem: QuantizeProblem): number {
  return (quantizeGeometry(problem).paddedBase * problem.bits) / 8;
}
