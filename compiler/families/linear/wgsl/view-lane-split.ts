import { z } from 'zod';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { LaneSplitSchedule } from '../../../../ir/schedule.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { commonSlots, count, dotSlots, problemShape, problemView, slotFillers } from './problem-view.ts';

const schema = z.strictObject({
  ...problemShape,
  lanes: count,
  channelThreads: count,
  tokens: count,
  rows: z.array(z.strictObject({ row: count })),
});

export const laneSplitTemplate: TemplateContract = {
  template: 'wgsl/linear/lane-split',
  schema,
  slots: { ...commonSlots, dot: dotSlots },
};

export function laneSplitView(
  problem: LinearProblem,
  { lanes, channelThreads, tokens, dot }: LaneSplitSchedule,
  context: ViewContext,
): KernelView {
  return {
    template: laneSplitTemplate.template,
    slots: { ...slotFillers(problem), dot: `wgsl/slots/dot/s${problem.weightBits}-${dot}` },
    fields: schema.parse({
      ...problemView(problem, context, '4 * kChannelThreads channels x kTokens tokens', 'u32'),
      ...{ lanes, channelThreads, tokens },
      rows: Array.from({ length: tokens }, (_, row) => ({ row })),
    }),
  };
}
