import { baseColumns, type QuantizeProblem } from '../../../ir/problem.ts';
import { ceilDiv, roundUp } from '../../support/integer.ts';

/** Sizes that follow from the problem alone; columns are counted, not bytes. */
export interface QuantizeGeometry {
  readonly baseColumns: number;
  readonly codesPerSegment: number;
  readonly paddedBase: number;
  readonly paddedOutliers: number;
  /** Values loaded at once: the most that keeps every row (and half-row) of x aligned. */
  readonly vector: 8 | 4 | 2 | 1;
}

export function quantizeGeometry(problem: QuantizeProblem): QuantizeGeometry {
  const base = baseColumns(problem);
  const codesPerSegment = 256 / problem.bits;
  const { k } = problem;
  return {
    baseColumns: base,
    codesPerSegment,
    paddedBase: roundUp(base, codesPerSegment),
    paddedOutliers: roundUp(problem.outliers, 16),
    vector: k % 8 === 0 ? 8 : k % 4 === 0 ? 4 : k % 2 === 0 ? 2 : 1,
  };
}

/** Dynamic shared memory: the staged 16-bit row, then per 32 columns how many outliers come before and which are. */
export function quantizeSharedBytes(problem: QuantizeProblem): number {
  const columnWords = ceilDiv(problem.k, 32);
  const { paddedBase, paddedOutliers } = quantizeGeometry(problem);
  return (paddedBase + paddedOutliers) * 2 + (2 * columnWords + 1) * 4;
}

/** Bytes of a row of codes. */
export function codeRowBytes(problem: QuantizeProblem): number {
  return (quantizeGeometry(problem).paddedBase * problem.bits) / 8;
}
