import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { quantizeGeometry, quantizeSharedBytes } from '../geometry.ts';

const count = z.int().nonnegative();

const quantizeViewSchema = z.strictObject({
  id: z.string(),
  banner: bannerSchema,
  k: count,
  outliers: count,
  baseColumns: count,
  columnsNote: z.string(),
  bits: count,
  levels: count,
  epsilon: z.boolean(),
  epsilonValue: z.string(),
  codesPerSegment: count,
  vector: count,
  vectorType: z.string(),
  wordType: z.string(),
  threads: count,
  ctasPerSm: count,
  sharedBytes: count,
  rowValues: z.string(),
  gamma: z.boolean(),
  compact: z.boolean(),
  noBase: z.boolean(),
  topBits: z.string(),
  dtype: z.string(),
});

const contract = [
  'Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns',
  'quantised with a scale and a minimum of their own. x is read once.',
];

const vectorTypes = { 8: 'uint4', 4: 'uint2', 2: 'uint32_t', 1: 'uint16_t' } as const;

export const quantizeTemplates: readonly TemplateContract[] = [
  {
    template: 'cuda/quantize/row',
    schema: quantizeViewSchema,
    slots: {
      dtype: ['cuda/slots/dtype/f16-scalar', 'cuda/slots/dtype/bf16-scalar'],
      fetch: ['cuda/slots/prologue/plain-row', 'cuda/slots/prologue/gated-row'],
      prologue: ['cuda/slots/prologue/none', 'cuda/slots/prologue/rms-norm', 'cuda/slots/prologue/silu-mul'],
    },
  },
];

/** The plain object that templates/cuda/quantize prints, and the fillers of its slots. */
export function quantizeView(
  { problem, schedule }: SpecOf<'quantize', 'cuda'>,
  context: ViewContext,
): KernelView {
  const geometry = quantizeGeometry(problem);
  const { prologue } = problem;
  return {
    template: 'cuda/quantize/row',
    slots: {
      dtype: `cuda/slots/dtype/${problem.dtype}-scalar`,
      fetch: `cuda/slots/prologue/${prologue.op === 'silu-mul' ? 'gated-row' : 'plain-row'}`,
      prologue: `cuda/slots/prologue/${prologue.op}`,
    },
    fields: quantizeViewSchema.parse({
      id: context.id,
      banner: bannerView(context, contract),
      k: problem.k,
      outliers: problem.outliers,
      baseColumns: geometry.baseColumns,
      columnsNote: problem.columns === 'compact' ? '' : ', outliers included (weight code 0)',
      bits: problem.bits,
      levels: 2 ** problem.bits - 1,
      epsilon: prologue.op === 'rms-norm',
      epsilonValue: prologue.op === 'rms-norm' ? floatLiteral(prologue.eps) : '',
      codesPerSegment: geometry.codesPerSegment,
      vector: geometry.vector,
      vectorType: vectorTypes[geometry.vector],
      wordType: problem.bits === 4 ? 'uint4' : 'uint2',
      threads: schedule.threads,
      ctasPerSm: schedule.ctasPerSm,
      sharedBytes: quantizeSharedBytes(problem),
      rowValues: prologue.op === 'silu-mul' ? '2][kColumns' : 'kColumns',
      gamma: prologue.op === 'rms-norm',
      compact: problem.columns === 'compact',
      noBase: geometry.baseColumns === 0,
      topBits: problem.bits === 4 ? '0x88888888u' : '0x80808080u',
      dtype: problem.dtype,
    }),
  };
}

/** A float literal that C++ reads back as the same FP32 value. */
function floatLiteral(value: number): string {
  const text = String(Math.fround(value));
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}
