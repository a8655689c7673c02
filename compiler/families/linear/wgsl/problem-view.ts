import { z } from 'zod';
import { addsResidual, type LinearProblem } from '../../../../ir/problem.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { ViewContext } from '../../family.ts';
import { bindingsSchema, wgslBindings } from '../../wgsl-bindings.ts';
import { linearGeometry } from '../geometry.ts';
import { linearBuffers } from './contract.ts';

export const count = z.int().nonnegative();

/** What every linear's view prints of its problem. */
export const problemShape = {
  banner: bannerSchema,
  n: count,
  channelBlocks: count,
  baseSegments: count,
  outlierSegments: count,
  half: count,
  bindings: bindingsSchema,
  base: z.boolean(),
  outliers: z.boolean(),
};

const types = {
  weights: 'vec4<u32>',
  column_meta: 'vec4<f32>',
  outlier_weights: 'vec4<u32>',
  codes: 'vec4<u32>',
  row_meta: 'vec2<f32>',
  outlier_rows: 'vec4<u32>',
};

/** `rows`: what the token rows' codes and outliers are arrays of. */
export function problemView(
  problem: LinearProblem,
  context: ViewContext,
  workgroup: string,
  rows: 'u32' | 'vec4<u32>',
) {
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const contract = [
    'y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.',
    `A workgroup computes ${workgroup}.`,
  ];
  return {
    banner: bannerView(context, contract),
    n: problem.n,
    ...{ channelBlocks, baseSegments, outlierSegments },
    half: 2 ** (problem.activationBits - 1),
    bindings: wgslBindings(linearBuffers(problem), { ...types, codes: rows, outlier_rows: rows }),
    base: baseSegments > 0,
    outliers: outlierSegments > 0,
  };
}

export const commonSlots = {
  dtype: ['wgsl/slots/dtype/f16', 'wgsl/slots/dtype/bf16'],
  store: ['wgsl/slots/store/plain', 'wgsl/slots/store/residual'],
};

/** Fillers of the slot `dot`: how codes are multiplied. */
export const dotSlots = [4, 8].flatMap((bits) =>
  (['packed', 'scalar'] as const).map((dot) => `wgsl/slots/dot/s${bits}-${dot}`),
);

export function slotFillers(problem: LinearProblem) {
  return {
    dtype: `wgsl/slots/dtype/${problem.dtype}`,
    store: `wgsl/slots/store/${addsResidual(problem) ? 'residual' : 'plain'}`,
  };
}
