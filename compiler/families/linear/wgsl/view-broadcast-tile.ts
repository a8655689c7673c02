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
      parts: z.array(z.strictObject({ row: count, own: count, lane: count, part: count })),
    }),
  ),
});

export const broadcastTileTemplate: TemplateContract = {
  template: 'wgsl/linear/broadcast-tile',
  schema,
  slots: {
    ...commonSlots,
    product: ['s4-pairs', 's4-packed', 's8-floats', 's8-packed'].map((name) => `wgsl/slots/product/${name}`),
  },
};

export function broadcastTileView(
  problem: LinearProblem,
  schedule: BroadcastTileSchedule,
  context: ViewContext,
): KernelView {
  const { threads, tokens, lanes, dot } = schedule;
  // Of a step: 4 bit in f32 by four codes of its 16; else by the words, of 8 or 4 codes.
  const parts = problem.activationBits === 4 && dot === 'floats' ? [0, 1, 2, 3] : [0, 1];
  return {
    template: broadcastTileTemplate.template,
    slots: {
      ...slotFillers(problem, schedule),
      product: `wgsl/slots/product/${productOf(problem, dot)}`,
    },
    fields: schema.parse({
      ...problemView(
        { family: 'linear', problem, schedule },
        context,
        '4 * kThreads channels x kTokens tokens',
        'word',
      ),
      ...{ threads, tokens, lanes },
      stepsPerFold: stepsPerFold(problem, dot),
      own: Array.from({ length: tokens / lanes }, (_, own) => ({ own, offset: own * lanes })),
      rows: Array.from({ length: tokens }, (_, row) => {
        const source = { row, own: Math.floor(row / lanes), lane: row % lanes };
        return { ...source, parts: parts.map((part) => ({ ...source, part })) };
      }),
    }),
  };
}

function productOf({ weightBits }: LinearProblem, dot: BroadcastTileSchedule['dot']): string {
  if (dot === 'packed') return `s${weightBits}-packed`;
  return weightBits === 4 ? 's4-pairs' : 's8-floats';
}

/**
 * A divisor of a row's steps, after which sums of f32 are taken to integers: 16 codes of 4 bit, or 8 codes of 8 bit, of
 * which 1024 are summed exactly. Integer sums are exact to the end.
 */
function stepsPerFold(problem: LinearProblem, dot: BroadcastTileSchedule['dot']): number {
  const steps = 4 * linearGeometry(problem).baseSegments;
  if (dot === 'packed') return Math.max(1, steps);
  if (problem.activationBits === 4) return 1;
  let most = 128;
  while (steps % most !== 0) most -= 1;
  return most;
}
