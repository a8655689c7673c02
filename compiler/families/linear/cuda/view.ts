import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual, type LinearProblem } from '../../../../ir/problem.ts';
import type { LinearSchedule, SplitKSchedule, TiledSchedule } from '../../../../ir/schedule.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { linearGeometry } from '../geometry.ts';
import { codeMma } from './code-mma.ts';
import { splitKSharedBytes } from './split-k-sizes.ts';
import { segmentsAhead, tiledSharedBytes, tokenGroup } from './tile-geometry.ts';

const count = z.int().nonnegative();

const commonSchema = z.strictObject({
  id: z.string(),
  banner: bannerSchema,
  constants: z.strictObject({
    n: count,
    baseColumns: count,
    columnsNote: z.string(),
    bits: count,
    outliers: count,
    dtype: z.string(),
    pieceType: z.string(),
    halfRange: count,
    codesPerSegment: count,
    codesPerHalf: count,
    codesPerWord: count,
  }),
  output: z.strictObject({
    dtype: z.string(),
    ring: z.boolean(),
    residual: z.boolean(),
    plusResidual: z.string(),
  }),
  widened: z.boolean(),
  bits: count,
  dtype: z.string(),
  residual: z.boolean(),
  sharedBytes: count,
});

const tiledViewSchema = commonSchema.extend({
  tileN: count,
  tileM: count,
  warpsN: count,
  warpsM: count,
  stepSegments: count,
  stages: count,
  ctasPerSm: count,
  tokenGroup: count,
  noBase: z.boolean(),
});

const splitKViewSchema = commonSchema.extend({
  tileN: count,
  tileM: count,
  warps: count,
  slices: count,
  ctasPerSm: count,
  ahead: count,
  outliers: z.boolean(),
});

const slotFillers = {
  mma: ['cuda/slots/mma/s4', 'cuda/slots/mma/s8', 'cuda/slots/mma/s4-as-s8'],
  dtype: ['cuda/slots/dtype/f16', 'cuda/slots/dtype/bf16'],
  'outlier-mma': ['cuda/slots/dtype/f16-mma', 'cuda/slots/dtype/bf16-mma'],
  unpack: ['cuda/slots/dtype/f16-unpack', 'cuda/slots/dtype/bf16-unpack', 'cuda/slots/epilogue/none'],
};

export const linearTemplates: readonly TemplateContract[] = [
  {
    template: 'cuda/linear/tiled',
    schema: tiledViewSchema,
    slots: { ...slotFillers, operands: ['cuda/slots/operands/x4'], wait: ['cuda/slots/wait/groups'] },
  },
  {
    template: 'cuda/linear/split-k',
    schema: splitKViewSchema,
    slots: { ...slotFillers, operands: ['cuda/slots/operands/x2'], wait: ['cuda/slots/wait/all'] },
  },
];

/** The plain object that templates/cuda/linear prints, and the fillers of its slots. */
export function linearView(
  { problem, schedule }: SpecOf<'linear', 'cuda'>,
  context: ViewContext,
): KernelView {
  return schedule.kind === 'tiled'
    ? tiledView(problem, schedule, context)
    : splitKView(problem, schedule, context);
}

function tiledView(problem: LinearProblem, schedule: TiledSchedule, context: ViewContext): KernelView {
  return {
    template: 'cuda/linear/tiled',
    slots: { ...slots(problem), operands: 'cuda/slots/operands/x4', wait: 'cuda/slots/wait/groups' },
    fields: tiledViewSchema.parse({
      ...common(problem, schedule, context, tiledContract),
      sharedBytes: tiledSharedBytes(schedule),
      tileN: schedule.tileN,
      tileM: schedule.tileM,
      warpsN: schedule.warpsN,
      warpsM: schedule.warpsM,
      stepSegments: schedule.tileKBytes / 32,
      stages: schedule.stages,
      ctasPerSm: schedule.ctasPerSm,
      tokenGroup,
      noBase: linearGeometry(problem).baseSegments === 0,
    }),
  };
}

function splitKView(problem: LinearProblem, schedule: SplitKSchedule, context: ViewContext): KernelView {
  return {
    template: 'cuda/linear/split-k',
    slots: { ...slots(problem), operands: 'cuda/slots/operands/x2', wait: 'cuda/slots/wait/all' },
    fields: splitKViewSchema.parse({
      ...common(problem, schedule, context, splitKContract),
      sharedBytes: splitKSharedBytes(problem, schedule),
      tileN: schedule.tileN,
      tileM: schedule.tileM,
      warps: schedule.warps,
      slices: schedule.slices,
      ctasPerSm: schedule.ctasPerSm,
      ahead: segmentsAhead,
      outliers: problem.outliers > 0,
    }),
  };
}

const tiledContract = [
  'y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.',
  'A CTA computes kTileN channels x kTileM tokens. Weights are MMA operand A, tokens operand B.',
];

const splitKContract = [
  'y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), for few tokens.',
  'kSlices CTAs share the K of a tile; the last to finish writes y. Weights are MMA operand A, tokens operand B.',
];

function slots(problem: LinearProblem): Record<string, string> {
  const { dtype } = problem;
  const widens = addsResidual(problem);
  return {
    mma: `cuda/slots/mma/${codeMma(problem)}`,
    dtype: `cuda/slots/dtype/${dtype}`,
    unpack: widens ? `cuda/slots/dtype/${dtype}-unpack` : 'cuda/slots/epilogue/none',
    'outlier-mma': `cuda/slots/dtype/${dtype}-mma`,
  };
}

function common(
  problem: LinearProblem,
  schedule: LinearSchedule,
  context: ViewContext,
  contract: readonly string[],
) {
  const geometry = linearGeometry(problem);
  const residual = addsResidual(problem);
  const { codesPerSegment } = geometry;
  return {
    id: context.id,
    banner: bannerView(context, contract),
    constants: {
      n: problem.n,
      baseColumns: geometry.baseColumns,
      columnsNote: problem.columns === 'compact' ? ', outlier columns cut out' : ', code 0 at outliers',
      bits: problem.activationBits,
      outliers: problem.outliers,
      dtype: problem.dtype,
      pieceType: pieceType(problem.n),
      halfRange: 2 ** (problem.activationBits - 1),
      codesPerSegment,
      codesPerHalf: codesPerSegment / 2,
      codesPerWord: codesPerSegment / 8,
    },
    output: {
      dtype: problem.dtype,
      ring: schedule.kind === 'tiled',
      residual,
      plusResidual: residual ? ' + residual' : '',
    },
    widened: codeMma(problem) === 's4-as-s8',
    bits: problem.activationBits,
    dtype: problem.dtype,
    residual,
  };
}

/** The widest vector to which every row of y is aligned, given N values of 2 bytes a row. */
function pieceType(n: number): string {
  if (n % 8 === 0) return 'uint4';
  if (n % 4 === 0) return 'uint2';
  return n % 2 === 0 ? 'uint32_t' : 'uint16_t';
}
