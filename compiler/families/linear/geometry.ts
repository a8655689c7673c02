import { baseColumns, type LinearProblem } from '../../../ir/problem.ts';
import { ceilDiv } from '../../support/integer.ts';

/** Every operand is cut along K into segments of 256 bits: the K extent of every MMA used. */
export const segmentBytes = 32;
export const blockChannels = 16;
export const blockBytes = blockChannels * segmentBytes;

/** Sizes that follow from the problem alone, in segments and 16-channel blocks. */
export interface LinearGeometry {
  readonly baseColumns: number;
  readonly codesPerSegment: number;
  readonly baseSegments: number;
  readonly outlierSegments: number;
  readonly channelBlocks: number;
}

export function linearGeometry(problem: LinearProblem): LinearGeometry {
  const base = baseColumns(problem);
  const codesPerSegment = 256 / problem.activationBits;
  return {
    baseColumns: base,
    codesPerSegment,
    baseSegments: ceilDiv(base, codesPerSegment),
    outlierSegments: ceilDiv(problem.outliers, 16),
    channelBlocks: ceilDiv(problem.n, blockChannels),
  };
}
