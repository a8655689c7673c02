import type { QuantizeProblem } from '../../../../ir/problem.ts';
import { hashValue } from '../../../support/hash.ts';
import type { CtaIndex, QuantizeFamily } from '../../family.ts';
import { quantizeKernelId } from '../../kernel-name.ts';
import { quantizeCases } from '../cases.ts';
import { quantizeSharedBytes } from '../geometry.ts';
import { quantizeTolerances } from '../tolerances.ts';
import { quantizeContract } from './contract.ts';
import { cudaCover } from './cover.ts';
import { estimateQuantize } from './estimate.ts';
import { enumerateQuantize, quantizeResources, rejectQuantize } from './schedule-space.ts';
import { supportsQuantize } from './supports.ts';
import { quantizeTemplates, quantizeView } from './view.ts';

/** Prologue, outlier split, minimum and range, codes and row meta, in one kernel. */
export const quantize: QuantizeFamily = {
  name: 'quantize',
  supports: supportsQuantize,
  kernelId: (spec) => quantizeKernelId(spec.problem, spec.schedule.threads, hashValue(spec)),
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
  describeProblem,
  view: quantizeView,
  staticMma: () => ({ imma: 0, hmma: 0 }),
  // A row's scale and its reciprocal are correctly rounded FP32 divisions, each a subroutine.
  callsAllowed: 2,
  tolerances: (spec) => quantizeTolerances(spec.problem, cudaCover(spec).normRoundings),
  executedMma: () => ({ imma: 0, hmma: 0 }),
  // The staged row, the column list, once in and once out each.
  leastSharedBytes: ({ problem }) => 2 * quantizeSharedBytes(problem),
  sampleCtas: (_spec, m, limit) => sampleRows(m, limit),
  cases: (spec, m, seed) => quantizeCases(spec.problem, cudaCover(spec), m, seed),
  normRoundings: (spec) => cudaCover(spec).normRoundings,
  // A row costs about as much as a hundred MACs a column.
  verificationCost: ({ problem }, m, rows) => Math.min(m, rows ?? m) * problem.k * 100,
};

/** The columns and the outliers among them. */
function describeProblem({ bits, k, outliers, prologue }: QuantizeProblem): string {
  const before = prologue.op === 'none' ? '' : `${prologue.op} `;
  return `${before}quantize a${bits} ${k} (${outliers} outliers)`;
}

/** The first rows carry the special patterns (constant, spikes, not finite …), the last row is an edge. */
function sampleRows(m: number, limit: number): readonly CtaIndex[] {
  const rows = new Set<number>();
  if (m > 0) rows.add(m - 1);
  for (let row = 0; row < m && rows.size < limit; row++) rows.add(row);
  return [...rows].map((row): CtaIndex => [row, 0, 0]);
}
