import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule, SplitKSchedule, TiledSchedule } from '../../../../ir/schedule.ts';
import { linearGeometry } from '../geometry.ts';

/** The values every field of a tiled schedule may take; their product is filtered by `rejectLinear`. */
const tiled = {
  tileN: [32, 64, 128, 256],
  tileM: [16, 32, 64, 128, 256],
  tileKBytes: [32, 64, 128],
  warps: [
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
    [1, 4],
    [4, 1],
    [2, 4],
    [4, 2],
    [8, 1],
  ],
  stages: [2, 3, 4, 5, 6],
  ctasPerSm: [1, 2, 3, 4],
} as const;

const splitK = {
  tileN: [32, 64, 128, 256],
  tileM: [8, 16],
  warps: [2, 4, 8],
  slices: [1, 2, 3, 4, 5, 6, 8, 10, 12, 16],
  ctasPerSm: [1, 2, 3, 4, 6, 8, 12, 16],
} as const;

/** The same for every problem, so it is made once. */
let tiledSpace: readonly TiledSchedule[] | undefined;

/** Every schedule of the space, legal or not, in a fixed order. */
export function* enumerateLinear(problem: LinearProblem): Iterable<LinearSchedule> {
  tiledSpace ??= [...tiledSchedules()];
  yield* tiledSpace;
  yield* splitKSchedules(problem);
}

function* tiledSchedules(): Iterable<TiledSchedule> {
  for (const tileN of tiled.tileN) {
    for (const tileM of tiled.tileM) {
      for (const tileKBytes of tiled.tileKBytes) {
        for (const [warpsN, warpsM] of tiled.warps) {
          for (const stages of tiled.stages) {
            for (const ctasPerSm of tiled.ctasPerSm) {
              yield { kind: 'tiled', tileN, tileM, tileKBytes, warpsN, warpsM, stages, ctasPerSm };
            }
          }
        }
      }
    }
  }
}

function* splitKSchedules(problem: LinearProblem): Iterable<SplitKSchedule> {
  const { baseSegments } = linearGeometry(problem);
  for (const tileN of splitK.tileN) {
    for (const tileM of splitK.tileM) {
      for (const warps of splitK.warps) {
        // A slice without a segment would be a CTA without work; F = K has no base slice to cut.
        for (const slices of splitK.slices) {
          if (slices > Math.max(1, baseSegments)) continue;
          for (const ctasPerSm of splitK.ctasPerSm)
            yield { kind: 'split-k', tileN, tileM, warps, slices, ctasPerSm };
        }
      }
    }
  }
}
