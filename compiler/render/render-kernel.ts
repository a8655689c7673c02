import Handlebars from 'handlebars';
import type { KernelView } from '../families/family.ts';
import { assert } from '../support/assert.ts';
import type { TemplateSet } from './template-set.ts';

// strict: a missing field throws. noEscape: the output is not HTML. A part sees only the context it is handed.
const options = { noEscape: true, strict: true, knownHelpersOnly: true, explicitPartialContext: true };

type Renderer = (view: KernelView) => string;

/** Compiles a template set once; the returned function renders views with it. `read` may alter what is compiled. */
export function createRenderer(
  templates: TemplateSet,
  read: (name: string, source: string) => string | hbs.AST.Program = (_, source) => source,
): Renderer {
  const engine = Handlebars.create();
  const compiled = new Map<string, Handlebars.TemplateDelegate>();
  const template = (name: string): Handlebars.TemplateDelegate => {
    const known = compiled.get(name);
    if (known !== undefined) return known;
    const source = templates.sources.get(name);
    assert(source !== undefined, `template ${name} exists`);
    const made = engine.compile(read(name, source), options);
    compiled.set(name, made);
    return made;
  };
  return (view) => {
    const partials: Record<string, Handlebars.TemplateDelegate> = {};
    for (const name of templates.sources.keys()) {
      if (!/^(cuda|wgsl)\/slots\//.test(name)) partials[name] = template(name);
    }
    for (const [slot, filler] of Object.entries(view.slots)) {
      partials[`slots/${slot}`] = template(filler);
    }
    return tidy(template(view.template)(view.fields, { partials }));
  };
}

/** At most one blank line in a row, no trailing blanks, pragmas at the margin, one newline at the end. */
function tidy(text: string): string {
  return `${text
    .replace(/[ \t]+$/gm, '')
    .replace(/^ +(?=#pragma)/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}
