import { hashValue } from '../../../support/hash.ts';
import type { QuantizeFamily } from '../../family.ts';
import { quantizeKernelId } from '../../kernel-name.ts';
import { quantizeCases } from '../cases.ts';
import { describeQuantize } from '../describe.ts';
import { sampleRows } from '../sample-rows.ts';
import { quantizeTolerances } from '../tolerances.ts';
import { quantizeBuffers, quantizeContract } from './contract.ts';
import { wgslCover } from './cover.ts';
import { estimateWorkgroupRow } from './estimate.ts';
import {
  enumerateWorkgroupRows,
  quantizeNeeds,
  rejectWorkgroupRow,
  workgroupBytes,
} from './schedule-space.ts';
import { supportsQuantize } from './supports.ts';
import { quantizeTemplates, quantizeView } from './view.ts';

/** Prologue, outlier split, minimum and range, codes and row meta in WGSL, a workgroup a row. */
export const quantize: QuantizeFamily<'wgsl'> = {
  name: 'quantize',
  supports: supportsQuantize,
  kernelId: (spec) => quantizeKernelId(spec.problem, spec.schedule, hashValue(spec)),
  contract: quantizeContract,
  enumerate: enumerateWorkgroupRows,
  reject: rejectWorkgroupRow,
  estimate: estimateWorkgroupRow,
  outlierCost: () => undefined,
  rangeEdges: [],
  servesRange: () => true,
  shapeOf: ({ threads }) => `${threads}`,
  templates: quantizeTemplates,
  widths: ({ bits }) => `a${bits}`,
  describeProblem: describeQuantize,
  view: quantizeView,
  describeResources: ({ problem, schedule }) => ({
    dialect: 'wgsl',
    threads: schedule.threads,
    workgroupBytes: workgroupBytes(problem, schedule),
    storageBuffers: quantizeBuffers(problem).length,
    ...quantizeNeeds(schedule),
  }),
  tolerances: (spec) => quantizeTolerances(spec.problem, wgslCover(spec).roundings),
  roundings: (spec) => wgslCover(spec).roundings,
  sampleCtas: (_spec, m, limit) =>
    sampleRows(m, limit).map((row) => [row % 65_535, Math.floor(row / 65_535), 0] as const),
  cases: (spec, m, seed) => quantizeCases(spec.problem, wgslCover(spec), m, seed),
  verificationCost: ({ problem }, m) => m * problem.k * 100,
};
