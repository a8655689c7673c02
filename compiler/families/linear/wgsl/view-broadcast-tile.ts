import { z } from 'zod';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { BroadcastTileSchedule } from '../../../../ir/schedule.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { linearGeometry } from '../geometry.ts';
import { commonSlots, count, problemShape, problemView, slotFillers } from './problem-view.ts';

const schema = z.strictObject({
  ...problemShape,
  threads: count,
  tokens: count,
  lanes: count,
  stepsPerFold: count,
  own: z.array(z.strictObject({ own: count, offset: count })),
  rows: z.array(
    z.strictObject({
      row: count,
      own: count,
      lane: count,
      quads: z.array(z.strictObject({ row: count, own: count, lane: count, quad: count })),
    }),
  ),
});

export const broadcastTileTemplate: TemplateContract = {
  template: 'wgsl/linear/broadcast-tile',
  schema,
  slots: { ...commonSlots, product: ['wgsl/slots/product/s4-pairs', 'wgsl/slots/product/s8-floats'] },
};

export function broadcastTileView(
  problem: LinearProblem,
  { threads, tokens, lanes }: BroadcastTileSchedule,
  context: ViewContext,
): KernelView {
  // Four codes each of a step: 16 of 4 bit or 8 of 8 bit.
  const quads = problem.activationBits === 4 ? [0, 1, 2, 3] : [0, 1];
  return {
    template: broadcastTileTemplate.template,
    slots: {
      ...slotFillers(problem),
      product: `wgsl/slots/product/${problem.weightBits === 4 ? 's4-pairs' : 's8-floats'}`,
    },
    fields: schema.parse({
      ...problemView(problem, context, '4 * kThreads channels x kTokens tokens', 'u32'),
      ...{ threads, tokens, lanes },
      stepsPerFold: stepsPerFold(problem),
      own: Array.from({ length: tokens / lanes }, (_, own) => ({ own, offset: own * lanes })),
      rows: Array.from({ length: tokens }, (_, row) => {
        const source = { row, own: Math.floor(row / lanes), lane: row % lanes };
        return { ...source, quads: quads.map((quad) => ({ ...source, quad })) };
      }),
    }),
  };
}

/** A divisor of a row's steps: of 16 codes of 4 bit, or of 8 codes of 8 bit, of which 1024 are summed exactly. */
function stepsPerFold(problem: LinearProblem): number {
  if (problem.activationBits === 4) return 1;
  const steps = 4 * linearGeometry(problem).baseSegments;
  let most = 128;
  while (steps % most !== 0) most -= 1;
  return most;
}
