import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { QuantizeProblem } from '../../../../ir/problem.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { wgslEnables } from '../../half-access.ts';
import { bindingsSchema, wgslBindings } from '../../wgsl-bindings.ts';
import { codeRowBytes, quantizeGeometry } from '../geometry.ts';
import { quantizeBuffers } from './contract.ts';
import { phasesThatRead } from './phases.ts';
import { quantizeNeeds } from './schedule-space.ts';

const count = z.int().nonnegative();

const viewSchema = z.strictObject({
  banner: bannerSchema,
  enables: z.array(z.strictObject({ extension: z.string() })),
  k: count,
  outliers: count,
  baseColumns: count,
  columnsNote: z.string(),
  bits: count,
  levels: count,
  norm: z.boolean(),
  epsilonValue: z.string(),
  codeWords: count,
  outlierWords: count,
  columnWords: count,
  threads: count,
  bindings: bindingsSchema,
  hasOutliers: z.boolean(),
  hasBase: z.boolean(),
  dtype: z.string(),
});

export const quantizeTemplates: readonly TemplateContract[] = [
  {
    template: 'wgsl/quantize/workgroup-row',
    schema: viewSchema,
    slots: {
      dtype: ['wgsl/slots/dtype/f16', 'wgsl/slots/dtype/bf16'],
      finite: ['wgsl/slots/finite/f16', 'wgsl/slots/finite/bf16'],
      range: ['wgsl/slots/range/workgroup', 'wgsl/slots/range/subgroup'],
      sum: ['wgsl/slots/sum/workgroup', 'wgsl/slots/sum/subgroup'],
      prologue: ['wgsl/slots/prologue/none', 'wgsl/slots/prologue/rms-norm', 'wgsl/slots/prologue/silu-mul'],
      columns: ['wgsl/slots/columns/compact', 'wgsl/slots/columns/in-place'],
    },
  },
];

/** A share of the roofline, which the banner has too, is of DRAM alone. */
function contractOf(problem: QuantizeProblem): readonly string[] {
  const reads = phasesThatRead(problem);
  return [
    'Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns',
    'quantised with a scale and a minimum of their own.',
    `x is read ${reads === 1 ? 'once' : `${reads} times, once a phase; the model has it once from DRAM, then from L2`}.`,
  ];
}

/** The plain object that templates/wgsl/quantize prints, and the fillers of its slots. */
export function quantizeView(
  { problem, schedule }: SpecOf<'quantize', 'wgsl'>,
  context: ViewContext,
): KernelView {
  const { prologue, columns } = problem;
  const { baseColumns, paddedOutliers } = quantizeGeometry(problem);
  return {
    template: 'wgsl/quantize/workgroup-row',
    slots: {
      dtype: `wgsl/slots/dtype/${problem.dtype}`,
      finite: `wgsl/slots/finite/${problem.dtype}`,
      range: `wgsl/slots/range/${schedule.reduce}`,
      sum: `wgsl/slots/sum/${schedule.reduce}`,
      prologue: `wgsl/slots/prologue/${prologue.op}`,
      columns: `wgsl/slots/columns/${columns}`,
    },
    fields: viewSchema.parse({
      banner: bannerView(context, contractOf(problem)),
      enables: wgslEnables(quantizeNeeds(schedule).features),
      k: problem.k,
      outliers: problem.outliers,
      baseColumns,
      columnsNote: columns === 'compact' ? '' : ', outliers included (weight code 0)',
      bits: problem.bits,
      levels: 2 ** problem.bits - 1,
      norm: prologue.op === 'rms-norm',
      epsilonValue: prologue.op === 'rms-norm' ? String(Math.fround(prologue.eps)) : '',
      codeWords: codeRowBytes(problem) / 4,
      outlierWords: paddedOutliers / 2,
      columnWords: ceilDiv(problem.k, 32),
      threads: schedule.threads,
      bindings: wgslBindings(quantizeBuffers(problem), { row_meta: 'vec2<u32>' }),
      hasOutliers: problem.outliers > 0,
      hasBase: baseColumns > 0,
      dtype: problem.dtype,
    }),
  };
}
