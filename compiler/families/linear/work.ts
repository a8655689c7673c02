import { addsResidual, type LinearProblem } from '../../../ir/problem.ts';
import { blockBytes, linearGeometry, segmentBytes } from './geometry.ts';

/** MACs and bytes that any schedule has to do for `m` tokens. K is padded to the MMA's, M and N are not. */
export interface LinearWork {
  readonly baseMacs: number;
  readonly outlierMacs: number;
  readonly weightBytes: number;
  readonly outlierWeightBytes: number;
  readonly rowBytes: number;
  readonly outlierRowBytes: number;
  readonly metaBytes: number;
  readonly outputBytes: number;
}

export function linearWork(problem: LinearProblem, m: number): LinearWork {
  const { n } = problem;
  const geometry = linearGeometry(problem);
  const residual = addsResidual(problem);
  return {
    baseMacs: m * n * geometry.baseSegments * geometry.codesPerSegment,
    outlierMacs: m * n * geometry.outlierSegments * 16,
    weightBytes: geometry.channelBlocks * geometry.baseSegments * blockBytes,
    outlierWeightBytes: geometry.channelBlocks * geometry.outlierSegments * blockBytes,
    rowBytes: m * geometry.baseSegments * segmentBytes,
    outlierRowBytes: m * geometry.outlierSegments * segmentBytes,
    metaBytes: n * 16 + m * 8,
    outputBytes: m * n * 2 * (residual ? 2 : 1),
  };
}

/** All bytes once. */
export function totalBytes(work: LinearWork): number {
  return (
    work.weightBytes +
    work.outlierWeightBytes +
    work.rowBytes +
    work.outlierRowBytes +
    work.metaBytes +
    work.outputBytes
  );
}
