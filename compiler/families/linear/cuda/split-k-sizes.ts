import { constant, type Formula, tokens } from '../../../../ir/formula.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { SplitKSchedule } from '../../../../ir/schedule.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { linearGeometry, segmentBytes } from '../geometry.ts';
import { metaBytes, outputTileBytes, sliceSegments } from './tile-geometry.ts';

/** Bytes a token row takes in shared memory: the longest slice, plus 16 against bank conflicts. */
function splitKRowPitch(problem: LinearProblem, schedule: SplitKSchedule): number {
  return (
    Math.max(sliceSegments(problem, schedule), linearGeometry(problem).outlierSegments) * segmentBytes + 16
  );
}

/** Shared memory: meta, then the slice's token rows, later overlaid by the output tile. */
export function splitKSharedBytes(problem: LinearProblem, schedule: SplitKSchedule): number {
  return (
    metaBytes(schedule) +
    Math.max(schedule.tileM * splitKRowPitch(problem, schedule), outputTileBytes(schedule))
  );
}

/** Per tile: int32 sums, FP32 outlier sums where there are outliers, one counter; tiles = ceil(M/tileM) * tilesN. */
export function splitKWorkspaceBytes(problem: LinearProblem, schedule: SplitKSchedule): Formula {
  const sums = schedule.tileN * schedule.tileM * 4 * (problem.outliers > 0 ? 2 : 1);
  const counter = 128;
  return {
    mul: [
      { ceilDiv: [tokens, constant(schedule.tileM)] },
      constant(ceilDiv(problem.n, schedule.tileN) * (sums + counter)),
    ],
  };
}
