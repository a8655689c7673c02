import type { LinearProblem } from '../../../../ir/problem.ts';
import { hashValue } from '../../../support/hash.ts';
import type { LinearFamily } from '../../family.ts';
import { linearKernelId } from '../../kernel-name.ts';
import { linearCases } from '../cases.ts';
import { describeLinear, linearWidths } from '../describe.ts';
import { sampleTiles } from '../sample-tiles.ts';
import { linearTolerances } from '../tolerances.ts';
import { linearWork } from '../work.ts';
import { linearContract } from './contract.ts';
import { wgslCover } from './cover.ts';
import { estimateLinear } from './estimate.ts';
import {
  enumerateLinears,
  linearNeeds,
  rejectLinear,
  servesLinear,
  workgroupBytes,
} from './schedule-space.ts';
import { supportsLinear } from './supports.ts';
import { tileOf } from './tile-of.ts';
import { linearTemplates, linearView } from './view.ts';

/** The linear in WGSL: codes by dot4I8Packed or in exact f32, then outlier columns in f32, all in registers. */
export const linear: LinearFamily<'wgsl'> = {
  name: 'linear',
  supports: supportsLinear,
  kernelId: (spec) => linearKernelId(spec.problem, spec.schedule, hashValue(spec)),
  contract: linearContract,
  enumerate: enumerateLinears,
  reject: rejectLinear,
  estimate: estimateLinear,
  outlierCost(problem, schedule, target, m) {
    if (problem.outliers === 0) return undefined;
    const without: LinearProblem = { ...problem, outliers: 0 };
    const time = (of: LinearProblem) => estimateLinear(of, schedule, target, m).microseconds;
    const bytes = (of: LinearProblem) => {
      const { weightBytes, outlierWeightBytes } = linearWork(of, m);
      return weightBytes + outlierWeightBytes;
    };
    return { microseconds: time(problem) - time(without), weightBytes: bytes(problem) - bytes(without) };
  },
  rangeEdges: [1, 8, 32, 128],
  servesRange: servesLinear,
  shapeOf: (schedule) => `${schedule.kind} ${tileOf(schedule).channels} ${tileOf(schedule).tokens}`,
  templates: linearTemplates,
  widths: linearWidths,
  describeProblem: describeLinear,
  view: linearView,
  describeResources: (spec) => ({
    dialect: 'wgsl',
    threads: tileOf(spec.schedule).block[0] * tileOf(spec.schedule).block[1],
    workgroupBytes: workgroupBytes(spec.schedule),
    storageBuffers: Math.max(...linearContract(spec).dispatches.map(({ buffers }) => buffers.length)),
    ...linearNeeds(spec.schedule),
  }),
  tolerances: (spec) => linearTolerances(wgslCover(spec).roundings),
  roundings: (spec) => wgslCover(spec).roundings,
  sampleCtas: (spec, m, limit, seed) =>
    sampleTiles(spec.problem, wgslCover(spec), m, limit, seed).map(({ n, m: t }) => [n, t, 0] as const),
  cases: (spec, m, seed) => linearCases(spec.problem, wgslCover(spec), m, seed),
  // A software adapter runs every workgroup, whichever are compared.
  verificationCost: ({ problem: { n, k } }, m) => m * n * k,
};
