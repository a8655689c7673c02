import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule } from '../../../../ir/schedule.ts';
import type { CudaTarget } from '../../../../targets/target.ts';
import { hashValue } from '../../../support/hash.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { describeCudaResources } from '../../describe-cuda-resources.ts';
import type { CostEstimate, CountedFigures, CudaLinearFamily } from '../../family.ts';
import { linearKernelId } from '../../kernel-name.ts';
import { linearCases } from '../cases.ts';
import { describeLinear, linearWidths } from '../describe.ts';
import { sampleTiles } from '../sample-tiles.ts';
import { linearTolerances } from '../tolerances.ts';
import { linearWork } from '../work.ts';
import { linearContract } from './contract.ts';
import { ctasOfTile, cudaCover, outputRegion } from './cover.ts';
import { enumerateLinear } from './enumerate-linear.ts';
import { estimateSplitK } from './estimate-split-k.ts';
import { estimateTiled } from './estimate-tiled.ts';
import { leastSharedBytes } from './least-shared-bytes.ts';
import { executedMma, staticMma } from './mma-counts.ts';
import { rejectLinear } from './reject.ts';
import { linearResources } from './resources.ts';
import { supportsLinear } from './supports.ts';
import { linearRangeEdges, linearShape, servesLinearRange } from './token-ranges.ts';
import { linearTemplates, linearView } from './view.ts';

/** y = dequantised codes x weights + outlier columns + bias (+ residual), in one kernel. */
export const linear: CudaLinearFamily = {
  name: 'linear',
  supports: supportsLinear,
  kernelId: (spec) => linearKernelId(spec.problem, spec.schedule, hashValue(spec)),
  contract: linearContract,
  enumerate: enumerateLinear,
  reject: rejectLinear,
  resources: linearResources,
  estimate: estimateLinear,
  outlierCost,
  rangeEdges: linearRangeEdges,
  servesRange: servesLinearRange,
  shapeOf: linearShape,
  templates: linearTemplates,
  widths: linearWidths,
  describeProblem: describeLinear,
  view: linearView,
  staticMma,
  callsAllowed: 0,
  describeResources: (spec, target, built) =>
    describeCudaResources(
      linearResources(spec.problem, spec.schedule, target),
      staticMma(spec),
      linearContract(spec).launch.dynamicSharedBytes,
      target,
      built,
    ),
  tolerances: (spec) => linearTolerances(cudaCover(spec).roundings),
  roundings: (spec) => cudaCover(spec).roundings,
  executedMma,
  leastSharedBytes,
  // Split-K tiles come with all their slices; the limit counts tiles.
  sampleCtas: (spec, m, limit, seed) =>
    sampleTiles(spec.problem, cudaCover(spec), m, limit, seed).flatMap((tile) => ctasOfTile(spec, tile)),
  lastTile,
  cases: (spec, m, seed) => linearCases(spec.problem, cudaCover(spec), m, seed),
  verificationCost,
};

function verificationCost(
  { problem, schedule }: SpecOf<'linear', 'cuda'>,
  m: number,
  tiles?: number,
): number {
  const all = ceilDiv(problem.n, schedule.tileN) * ceilDiv(m, schedule.tileM);
  // FP16 MMAs round every partial sum and cost about eight times an integer MAC.
  const macs = schedule.tileN * schedule.tileM * (problem.k + 7 * problem.outliers);
  return Math.min(all, tiles ?? all) * macs;
}

function estimateLinear(
  problem: LinearProblem,
  schedule: LinearSchedule,
  target: CudaTarget,
  m: number,
  counted?: CountedFigures,
): CostEstimate {
  return schedule.kind === 'tiled'
    ? estimateTiled(problem, schedule, target, m, counted)
    : estimateSplitK(problem, schedule, target, m, counted);
}

function outlierCost(problem: LinearProblem, schedule: LinearSchedule, target: CudaTarget, m: number) {
  if (problem.outliers === 0) return undefined;
  const without: LinearProblem = { ...problem, outliers: 0 };
  const bytes = (of: LinearProblem): number =>
    linearWork(of, m).weightBytes + linearWork(of, m).outlierWeightBytes;
  const time = (of: LinearProblem): number => estimateLinear(of, schedule, target, m).microseconds;
  return { microseconds: time(problem) - time(without), weightBytes: bytes(problem) - bytes(without) };
}

function lastTile(spec: SpecOf<'linear', 'cuda'>, m: number) {
  const place = {
    n: ceilDiv(spec.problem.n, spec.schedule.tileN) - 1,
    m: ceilDiv(m, spec.schedule.tileM) - 1,
  };
  const ctas = ctasOfTile(spec, place);
  return { ...outputRegion(spec, ctas[0] ?? [0, 0, 0], m), ctas };
}
