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
  schedule: LaneSplitSchedule,
  context: ViewContext,
): KernelView {
  const { lanes, channelThreads, tokens, dot } = schedule;
  return {
    template: laneSplitTemplate.template,
    slots: { ...slotFillers(problem, schedule), dot: `wgsl/slots/dot/s${problem.weightBits}-${dot}` },
    fields: schema.parse({
      ...problemView(
        { family: 'linear', problem, schedule },
        context,
        '4 * kChannelThreads channels x kTokens tokens',
        'word',
      ),
      ...{ lanes, channelThreads, tokens },
      rows: Array.from({ length: tokens }, (_, row) => ({ row })),
    }),
  };
}
