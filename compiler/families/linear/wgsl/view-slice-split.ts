import { z } from 'zod';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { SliceSplitSchedule } from '../../../../ir/schedule.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { commonSlots, count, dotSlots, problemShape, problemView, slotFillers } from './problem-view.ts';
import { shareVectors } from './slice-shares.ts';

const schema = z.strictObject({
  ...problemShape,
  slices: count,
  channelThreads: count,
  shareVectors: count,
  tokensPerThread: count,
  tokens: z.array(z.strictObject({ token: count })),
  words: z.array(
    z.strictObject({
      word: count,
      tokens: z.array(z.strictObject({ token: count, component: z.string() })),
    }),
  ),
});

export const sliceSplitTemplate: TemplateContract = {
  template: 'wgsl/linear/slice-split',
  schema,
  slots: { ...commonSlots, dot: dotSlots },
};

export function sliceSplitView(
  problem: LinearProblem,
  schedule: SliceSplitSchedule,
  context: ViewContext,
): KernelView {
  const { slices, channelThreads, tokens: tokensPerThread, dot } = schedule;
  const tokens = Array.from({ length: tokensPerThread }, (_, token) => ({ token }));
  const workgroup =
    'the shares of a slice of K in 4 * kChannelThreads channels x kTokens tokens, or adds them up';
  return {
    template: sliceSplitTemplate.template,
    slots: { ...slotFillers(problem, schedule), dot: `wgsl/slots/dot/s${problem.weightBits}-${dot}` },
    fields: schema.parse({
      ...problemView({ family: 'linear', problem, schedule }, context, workgroup, 'four', 'two dispatches'),
      ...{ slices, channelThreads, shareVectors: shareVectors(problem), tokensPerThread, tokens },
      words: ['x', 'y', 'z', 'w'].map((component, word) => ({
        word,
        tokens: tokens.map(({ token }) => ({ token, component })),
      })),
    }),
  };
}
