import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual, type LinearProblem } from '../../../../ir/problem.ts';
import type { WgslLinearSchedule } from '../../../../ir/schedule.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { ViewContext } from '../../family.ts';
import { dtypeSlots, halfTypes, wgslEnables } from '../../half-access.ts';
import { bindingsSchema, wgslBindings } from '../../wgsl-bindings.ts';
import { linearGeometry } from '../geometry.ts';
import { isSharded } from './channel-shards.ts';
import { linearBuffers } from './contract.ts';
import { linearNeeds } from './schedule-space.ts';

export const count = z.int().nonnegative();

/** What every linear's view prints of its problem. */
export const problemShape = {
  banner: bannerSchema,
  enables: z.array(z.strictObject({ extension: z.string() })),
  n: count,
  channelBlocks: count,
  baseSegments: count,
  outlierSegments: count,
  half: count,
  bindings: bindingsSchema,
  sharded: z.boolean(),
  shardBinding: count,
  base: z.boolean(),
  outliers: z.boolean(),
};

/** `launched`: what the contract says of its dispatches. `rows`: whether token rows are read by the word, of codes or a pair of outliers, or four of them at once. */
export function problemView(
  spec: SpecOf<'linear', 'wgsl'>,
  context: ViewContext,
  workgroup: string,
  rows: 'word' | 'four',
  launched = 'one kernel',
) {
  const { problem, schedule } = spec;
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const { pair, four } = halfTypes(problem.dtype, schedule);
  const types = {
    weights: 'vec4<u32>',
    column_meta: 'vec4<f32>',
    outlier_weights: four,
    codes: rows === 'word' ? 'u32' : 'vec4<u32>',
    row_meta: 'vec2<f32>',
    outlier_rows: rows === 'word' ? pair : four,
    residual: pair,
    workspace: 'vec4<i32>',
  };
  const sharded = isSharded(problem, schedule);
  const contract = [
    `y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), ${launched}.`,
    `A workgroup computes ${workgroup}.`,
    ...(sharded ? ['A dispatch computes a part of the channels: no binding holds all the weights.'] : []),
  ];
  const buffers = linearBuffers(spec);
  return {
    banner: bannerView(context, contract),
    enables: wgslEnables(linearNeeds(schedule).features),
    n: problem.n,
    ...{ channelBlocks, baseSegments, outlierSegments },
    half: 2 ** (problem.activationBits - 1),
    bindings: wgslBindings(buffers, types),
    sharded,
    shardBinding: buffers.length + 1,
    base: baseSegments > 0,
    outliers: outlierSegments > 0,
  };
}

export const commonSlots = {
  dtype: dtypeSlots,
  store: ['wgsl/slots/store/plain', 'wgsl/slots/store/residual'],
};

/** Fillers of the slot `dot`: how codes are multiplied. */
export const dotSlots = [4, 8].flatMap((bits) =>
  (['packed', 'scalar'] as const).map((dot) => `wgsl/slots/dot/s${bits}-${dot}`),
);

export function slotFillers(problem: LinearProblem, schedule: WgslLinearSchedule) {
  return {
    dtype: halfTypes(problem.dtype, schedule).slot,
    store: `wgsl/slots/store/${addsResidual(problem) ? 'residual' : 'plain'}`,
  };
}
