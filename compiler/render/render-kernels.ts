import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { FamilyTable } from '../families/family.ts';
import { version } from '../support/version.ts';
import { describeChoice } from './describe-choice.ts';
import { describeScheme } from './describe-scheme.ts';
import { createRenderer } from './render-kernel.ts';
import type { TemplateSet } from './template-set.ts';

/** The text of every kernel, by its id. */
export type KernelTexts = ReadonlyMap<string, string>;

/** Writes each kernel: its family's view, printed by the view's template. */
export function renderKernels(
  kernels: readonly ScheduledKernel[],
  families: FamilyTable,
  templates: TemplateSet,
): KernelTexts {
  const render = createRenderer(templates);
  return new Map(
    kernels.map(({ id, spec, specHash, serves, choices }) => {
      const family = families[spec.family];
      const view = family.view(spec, {
        id,
        specHash,
        version,
        templatesDigest: templates.digest,
        scheme: describeScheme(spec.problem, family.widths(spec.problem)),
        serves,
        whyThisSchedule: describeChoice(choices),
      });
      return [id, render(view)];
    }),
  );
}
