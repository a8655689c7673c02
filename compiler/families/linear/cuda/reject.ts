import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule, SplitKSchedule, TiledSchedule } from '../../../../ir/schedule.ts';
import { residentCtas } from '../../../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import type { Rejection } from '../../family.ts';
import { linearResources } from './resources.ts';
import { threadsOf, warpTile } from './tile-geometry.ts';

/** The first reason why `schedule` cannot serve `problem` on `target`; undefined if it can. */
export function rejectLinear(
  problem: LinearProblem,
  schedule: LinearSchedule,
  target: CudaTarget,
): Rejection | undefined {
  return (
    rejectShape(problem, schedule) ??
    (schedule.kind === 'tiled' ? rejectTiled(schedule) : rejectSplitK(problem, schedule)) ??
    rejectResources(problem, schedule, target)
  );
}

function rejectShape(problem: LinearProblem, schedule: LinearSchedule): Rejection | undefined {
  const { blocks, groups } = warpTile(schedule);
  if (!Number.isInteger(blocks) || blocks < 1) {
    return {
      kind: 'warps do not share channels',
      reason: () => `a warp would own ${blocks} blocks of 16 channels`,
    };
  }
  if (!Number.isInteger(groups) || groups < 1) {
    return {
      kind: 'warps do not share tokens',
      reason: () => `a warp would own ${groups} groups of 8 tokens`,
    };
  }
  if (schedule.tileN >= 2 * problem.n && schedule.tileN > 32) {
    return {
      kind: 'tile wider than N',
      reason: () => `tileN ${schedule.tileN} is at least twice N = ${problem.n}`,
    };
  }
  return undefined;
}

function rejectTiled(schedule: TiledSchedule): Rejection | undefined {
  const { groups } = warpTile(schedule);
  if (groups % 2 !== 0) {
    return { kind: 'odd token groups', reason: () => 'ldmatrix.x4 reads two groups of 8 tokens at a time' };
  }
  return undefined;
}

function rejectSplitK(problem: LinearProblem, schedule: SplitKSchedule): Rejection | undefined {
  const chunks = schedule.tileN * schedule.tileM;
  if (chunks < threadsOf(schedule)) {
    return {
      kind: 'more threads than sums',
      reason: () => `${threadsOf(schedule)} threads for ${chunks} sums`,
    };
  }
  const { blocks } = warpTile(schedule);
  if (blocks > 4)
    return {
      kind: 'too many blocks a warp',
      reason: () => `${blocks} blocks of weights in flight per segment`,
    };
  if (problem.outliers === problem.k && schedule.slices > 1) {
    return { kind: 'no base columns to slice', reason: () => 'all columns are outliers' };
  }
  return undefined;
}

function rejectResources(
  problem: LinearProblem,
  schedule: LinearSchedule,
  target: CudaTarget,
): Rejection | undefined {
  const estimate = linearResources(problem, schedule, target);
  const { limits } = target;
  if (estimate.sharedBytes > limits.sharedBytesPerBlock) {
    return {
      kind: 'shared memory',
      reason: () => `${estimate.sharedBytes} bytes, ${limits.sharedBytesPerBlock} may be asked for`,
    };
  }
  const { ctasPerSm } = schedule;
  const { registers, registerCap } = estimate;
  if (registers > registerCap) {
    return {
      kind: 'registers',
      reason: () =>
        `${registers} registers a thread needed, ${registerCap} there for ${ctasPerSm} CTAs an SM`,
    };
  }
  const resident = residentCtas({ ...estimate, registers: registerCap }, target);
  if (resident < ctasPerSm) {
    return { kind: 'residency', reason: () => `${ctasPerSm} CTAs an SM wanted, ${resident} fit` };
  }
  return undefined;
}
