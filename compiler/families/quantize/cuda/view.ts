import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { QuantizeProblem } from '../../../../ir/problem.ts';
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
  vectorNote: z.string(),
  vectorType: z.string(),
  odd: z.boolean(),
  threads: count,
  ctasPerSm: count,
  sharedBytes: count,
  rowValues: z.string(),
  gamma: z.boolean(),
  dtype: z.string(),
});

const contract = [
  'Each row of x is put through its prologue and rounded; its outlier columns are copied out, its base columns',
  'quantised with a scale and a minimum of their own. x is read once.',
];

const vectorTypes = { 8: 'uint4', 4: 'uint2', 2: 'uint32_t' } as const;

export const quantizeTemplates: readonly TemplateContract[] = [
  {
    template: 'cuda/quantize/row',
    schema: quantizeViewSchema,
    slots: {
      dtype: ['cuda/slots/dtype/f16', 'cuda/slots/dtype/bf16'],
      unpack: ['cuda/slots/dtype/f16-unpack', 'cuda/slots/dtype/bf16-unpack'],
      extremes: ['cuda/slots/dtype/f16-extremes', 'cuda/slots/dtype/bf16-extremes'],
      codes: ['cuda/slots/codes/s4', 'cuda/slots/codes/s8'],
      columns: ['cuda/slots/columns/none', 'cuda/slots/columns/compact', 'cuda/slots/columns/in-place'],
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
  const odd = problem.k % 2 === 1;
  return {
    template: 'cuda/quantize/row',
    slots: {
      dtype: `cuda/slots/dtype/${problem.dtype}`,
      unpack: `cuda/slots/dtype/${problem.dtype}-unpack`,
      extremes: `cuda/slots/dtype/${problem.dtype}-extremes`,
      codes: `cuda/slots/codes/s${problem.bits}`,
      columns: `cuda/slots/columns/${problem.outliers === 0 ? 'none' : problem.columns}`,
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
      vectorNote: vectorNote(problem),
      odd,
      threads: schedule.threads,
      ctasPerSm: schedule.ctasPerSm,
      sharedBytes: quantizeSharedBytes(problem),
      rowValues: prologue.op === 'silu-mul' ? '2][kColumns' : 'kColumns',
      gamma: prologue.op === 'rms-norm',
      dtype: problem.dtype,
    }),
  };
}

function vectorNote({ k, columns, outliers }: QuantizeProblem): string {
  if (k % 2 === 1) return 'a pair, one by one, since rows are not aligned';
  if (columns === 'compact' && outliers > 0) return 'a pair, which has a bank of shared memory to itself';
  return 'the most that keeps rows aligned';
}

/** A float literal that C++ reads back as the same FP32 value. */
function floatLiteral(value: number): string {
  const text = String(Math.fround(value));
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}
