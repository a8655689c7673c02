import { hashValue } from '../../../support/hash.ts';
import { describeCudaResources } from '../../describe-cuda-resources.ts';
import type { CudaQuantizeFamily } from '../../family.ts';
import { quantizeKernelId } from '../../kernel-name.ts';
import { quantizeCases } from '../cases.ts';
import { describeQuantize } from '../describe.ts';
import { quantizeSharedBytes } from '../geometry.ts';
import { sampleRows } from '../sample-rows.ts';
import { quantizeTolerances } from '../tolerances.ts';
import { quantizeContract } from './contract.ts';
import { cudaCover } from './cover.ts';
import { estimateQuantize } from './estimate.ts';
import { enumerateQuantize, quantizeResources, rejectQuantize } from './schedule-space.ts';
import { supportsQuantize } from './supports.ts';
import { quantizeTemplates, quantizeView } from './view.ts';

/** Prologue, outlier split, minimum and range, codes and row meta, in one kernel. */
export const quantize: CudaQuantizeFamily = {
  name: 'quantize',
  supports: supportsQuantize,
  kernelId: (spec) => quantizeKernelId(spec.problem, spec.schedule, hashValue(spec)),
  contract: quantizeContract,
  enumerate: enumerateQuantize,
  reject: rejectQuantize,
  resources: quantizeResources,
  estimate: estimateQuantize,
  outlierCost: () => undefined,
  rangeEdges: [],
  servesRange: () => true,
  shapeOf: ({ threads }) => `${threads}`,
  templates: quantizeTemplates,
  widths: ({ bits }) => `a${bits}`,
  describeProblem: describeQuantize,
  view: quantizeView,
  staticMma: () => ({ imma: 0, hmma: 0 }),
  // A row's scale and its reciprocal are correctly rounded FP32 divisions, each a subroutine.
  callsAllowed: 2,
  describeResources: (spec, target, built) =>
    describeCudaResources(
      quantizeResources(spec.problem, spec.schedule, target),
      { imma: 0, hmma: 0 },
      quantizeSharedBytes(spec.problem),
      target,
      built,
    ),
  tolerances: (spec) => quantizeTolerances(spec.problem, cudaCover(spec).roundings),
  executedMma: () => ({ imma: 0, hmma: 0 }),
  // The staged row, the column list, once in and once out each.
  leastSharedBytes: ({ problem }) => 2 * quantizeSharedBytes(problem),
  sampleCtas: (_spec, m, limit) => sampleRows(m, limit).map((row) => [row, 0, 0] as const),
  cases: (spec, m, seed) => quantizeCases(spec.problem, cudaCover(spec), m, seed),
  roundings: (spec) => cudaCover(spec).roundings,
  // A row costs about as much as a hundred MACs a column.
  verificationCost: ({ problem }, m, rows) => Math.min(m, rows ?? m) * problem.k * 100,
};
