import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { FamilyTable, KernelView } from '../families/family.ts';
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
  return new Map(kernels.map((kernel) => [kernel.id, render(viewOf(kernel, families, templates))]));
}

/** What a kernel's template prints. */
export function viewOf(
  { id, spec, specHash, serves, choices }: ScheduledKernel,
  families: FamilyTable,
  templates: TemplateSet,
): KernelView {
  const family = families[spec.family];
  return family.view(spec, {
    id,
    specHash,
    version,
    templatesDigest: templates.digest,
    scheme: describeScheme(spec.problem, family.widths(spec.problem)),
    serves,
    whyThisSchedule: describeChoice(choices),
  });
}
