import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { KernelView, TemplateContract, ViewContext } from '../../family.ts';
import { broadcastTileTemplate, broadcastTileView } from './view-broadcast-tile.ts';
import { laneSplitTemplate, laneSplitView } from './view-lane-split.ts';
import { registerTileTemplate, registerTileView } from './view-register-tile.ts';
import { sliceSplitTemplate, sliceSplitView } from './view-slice-split.ts';

export const linearTemplates: readonly TemplateContract[] = [
  registerTileTemplate,
  broadcastTileTemplate,
  laneSplitTemplate,
  sliceSplitTemplate,
];

/** The plain object that a template of templates/wgsl/linear prints, and the fillers of its slots. */
export function linearView(
  { problem, schedule }: SpecOf<'linear', 'wgsl'>,
  context: ViewContext,
): KernelView {
  switch (schedule.kind) {
    case 'register-tile':
      return registerTileView(problem, schedule, context);
    case 'broadcast-tile':
      return broadcastTileView(problem, schedule, context);
    case 'slice-split':
      return sliceSplitView(problem, schedule, context);
    case 'lane-split':
      return laneSplitView(problem, schedule, context);
  }
}
