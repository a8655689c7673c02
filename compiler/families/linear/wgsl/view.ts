import { z } from 'zod';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { addsResidual } from '../../../../ir/problem.ts';
import { bannerSchema, bannerView } from '../../banner-view.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { bindingsSchema, wgslBindings } from '../../wgsl-bindings.ts';
import { linearGeometry } from '../geometry.ts';
import { linearBuffers } from './contract.ts';

const count = z.int().nonnegative();
const tokensSchema = z.array(z.strictObject({ token: count }));

const viewSchema = z.strictObject({
  banner: bannerSchema,
  n: count,
  channelBlocks: count,
  baseSegments: count,
  outlierSegments: count,
  half: count,
  channelThreads: count,
  tokenThreads: count,
  tokensPerThread: count,
  bindings: bindingsSchema,
  tokens: tokensSchema,
  words: z.array(
    z.strictObject({
      word: count,
      tokens: z.array(z.strictObject({ token: count, component: z.string() })),
    }),
  ),
  base: z.boolean(),
  outliers: z.boolean(),
});

export const linearTemplates: readonly TemplateContract[] = [
  {
    template: 'wgsl/linear/register-tile',
    schema: viewSchema,
    slots: {
      dtype: ['wgsl/slots/dtype/f16', 'wgsl/slots/dtype/bf16'],
      dot: ['wgsl/slots/dot/s4-packed', 'wgsl/slots/dot/s8-packed'],
      store: ['wgsl/slots/store/plain', 'wgsl/slots/store/residual'],
    },
  },
];

const contract = [
  'y[M, N] = dequantised(codes * weights) + outlier_rows * outlier_weights + bias (+ residual), one kernel.',
  'A workgroup computes 4 * kChannelThreads channels x kTokenThreads * kTokens tokens.',
];

const types = {
  weights: 'vec4<u32>',
  column_meta: 'vec4<f32>',
  outlier_weights: 'vec4<u32>',
  codes: 'vec4<u32>',
  row_meta: 'vec2<f32>',
  outlier_rows: 'vec4<u32>',
};

/** The plain object that templates/wgsl/linear prints, and the fillers of its slots. */
export function linearView(
  { problem, schedule }: SpecOf<'linear', 'wgsl'>,
  context: ViewContext,
): KernelView {
  const { channelBlocks, baseSegments, outlierSegments } = linearGeometry(problem);
  const { channelThreads, tokenThreads, tokensPerThread } = schedule;
  const tokens = Array.from({ length: tokensPerThread }, (_, token) => ({ token }));
  return {
    template: 'wgsl/linear/register-tile',
    slots: {
      dtype: `wgsl/slots/dtype/${problem.dtype}`,
      dot: `wgsl/slots/dot/s${problem.weightBits}-packed`,
      store: `wgsl/slots/store/${addsResidual(problem) ? 'residual' : 'plain'}`,
    },
    fields: viewSchema.parse({
      banner: bannerView(context, contract),
      n: problem.n,
      ...{ channelBlocks, baseSegments, outlierSegments },
      half: 2 ** (problem.activationBits - 1),
      ...{ channelThreads, tokenThreads, tokensPerThread },
      bindings: wgslBindings(linearBuffers(problem), types),
      tokens,
      words: ['x', 'y', 'z', 'w'].map((component, word) => ({
        word,
        tokens: tokens.map(({ token }) => ({ token, component })),
      })),
      base: baseSegments > 0,
      outliers: outlierSegments > 0,
    }),
  };
}
