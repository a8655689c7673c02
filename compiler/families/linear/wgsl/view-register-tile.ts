import { z } from 'zod';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { RegisterTileSchedule } from '../../../../ir/schedule.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { commonSlots, count, dotSlots, problemShape, problemView, slotFillers } from './problem-view.ts';

const schema = z.strictObject({
  ...problemShape,
  channelThreads: count,
  tokenThreads: count,
  tokensPerThread: count,
  tokens: z.array(z.strictObject({ token: count })),
  words: z.array(
    z.strictObject({
      word: count,
      tokens: z.array(z.strictObject({ token: count, component: z.string() })),
    }),
  ),
});

export const registerTileTemplate: TemplateContract = {
  template: 'wgsl/linear/register-tile',
  schema,
  slots: { ...commonSlots, dot: dotSlots },
};

export function registerTileView(
  problem: LinearProblem,
  schedule: RegisterTileSchedule,
  context: ViewContext,
): KernelView {
  const { channelThreads, tokenThreads, tokensPerThread, dot } = schedule;
  const tokens = Array.from({ length: tokensPerThread }, (_, token) => ({ token }));
  const workgroup = '4 * kChannelThreads channels x kTokenThreads * kTokens tokens';
  return {
    template: registerTileTemplate.template,
    slots: { ...slotFillers(problem, schedule), dot: `wgsl/slots/dot/s${problem.weightBits}-${dot}` },
    fields: schema.parse({
      ...problemView({ family: 'linear', problem, schedule }, context, workgroup, 'four'),
      ...{ channelThreads, tokenThreads, tokensPerThread },
      tokens,
      words: ['x', 'y', 'z', 'w'].map((component, word) => ({
        word,
        tokens: tokens.map(({ token }) => ({ token, component })),
      })),
    }),
  };
}
