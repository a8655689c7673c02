import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import type { BuildReport } from './build/build-kernels.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import type { FamilyTable } from './families/family.ts';
import { viewOf } from './render/render-kernels.ts';
import type { TemplateSet } from './render/template-set.ts';
import { createTracer, type TemplateLine } from './render/trace-kernel.ts';

/** Names of layers or kernels that are said; of the rest, how many they are. */
const mostNames = 4;

interface Told {
  readonly diagnostic: Diagnostic;
  readonly layers: Set<string>;
  /** Where the fault is in each kernel's text. */
  readonly places: string[];
}

/**
 * Faults in kernels' texts, at the lines of the templates that wrote them, with the layers that are served. One mistake is in
 * many kernels: what is equal is told once.
 */
export function traceFaults(
  failed: BuildReport['failed'],
  kernels: readonly ScheduledKernel[],
  families: FamilyTable,
  templates: TemplateSet,
): readonly Diagnostic[] {
  const trace = createTracer(templates);
  const told = new Map<string, Told>();
  for (const { id, diagnostics } of failed) {
    const kernel = kernels.find((candidate) => candidate.id === id);
    const origins = kernel === undefined ? [] : trace(viewOf(kernel, families, templates));
    for (const diagnostic of diagnostics) {
      const { code, message, file, line, column, ...rest } = diagnostic;
      const own = file?.startsWith(`${id}.`) === true;
      const origin = own && line !== undefined ? origins[line - 1] : undefined;
      const key = JSON.stringify([code, message, origin ?? (own ? '' : [file, line])]);
      const known = told.get(key) ?? {
        diagnostic:
          origin === undefined ? diagnostic : { code, message, ...rest, ...place(origin, templates) },
        layers: new Set(),
        places: [],
      };
      for (const layer of kernel?.serves ?? []) known.layers.add(layer);
      if (own) known.places.push([file, line, column].filter((part) => part !== undefined).join(':'));
      told.set(key, known);
    }
  }
  return [...told.values()].map(withTrail);
}

function place({ template, line }: TemplateLine, { paths }: TemplateSet) {
  return { file: `templates/${paths?.get(template) ?? template}`, line };
}

function withTrail({ diagnostic, layers, places }: Told): Diagnostic {
  if (places.length === 0) return diagnostic;
  return { ...diagnostic, trail: [list([...layers], 'layers'), list(places, 'kernels')] };
}

function list(names: readonly string[], noun: string): string {
  const said = names.slice(0, mostNames).join(', ');
  return names.length > mostNames ? `${said} and ${names.length - mostNames} more ${noun}` : said;
}
