import Handlebars from 'handlebars';
import type { KernelView } from '../families/family.ts';
import { createRenderer } from './render-kernel.ts';
import type { TemplateSet } from './template-set.ts';

/** A line of a template, by the template's name. */
export interface TemplateLine {
  readonly template: string;
  readonly line: number;
}

/** From private use: no template has them. */
const mark = /\uE000(\d+)\uE001/g;

type Tracer = (view: KernelView) => readonly (TemplateLine | undefined)[];

/**
 * Says of each line of a kernel's text which template's line wrote it, its first visible character. The view is rendered
 * once more, by templates that mark where their lines start; undefined where the line is blank.
 */
export function createTracer(templates: TemplateSet): Tracer {
  const lines: TemplateLine[] = [];
  const render = createRenderer(templates);
  const renderMarked = createRenderer(templates, (name, source) => markLines(name, source, lines));
  return (view) => {
    let last: TemplateLine | undefined;
    const origins = renderMarked(view)
      .split('\n')
      .flatMap((line) => {
        const before = /^(?:\s|\uE000\d+\uE001)*/.exec(line)?.[0] ?? '';
        const own = [...before.matchAll(mark)].at(-1) ?? [...line.matchAll(mark)].at(0);
        if (own !== undefined) last = lines[Number(own[1])];
        return isBlank(line.replaceAll(mark, '')) ? [] : [last];
      });
    // A mark keeps a blank line from being taken away: only the others are the same in both.
    return render(view)
      .split('\n')
      .map((line) => (isBlank(line) ? undefined : origins.shift()));
  };
}

function isBlank(line: string): boolean {
  return line.trim() === '';
}

/** A template whose contents carry a mark before each of their lines. */
function markLines(template: string, source: string, lines: TemplateLine[]): hbs.AST.Program {
  const marked = (line: number) => {
    lines.push({ template, line });
    return `\uE000${lines.length - 1}\uE001`;
  };
  const visit = ({ body }: hbs.AST.Program): void => {
    for (const [index, statement] of body.entries()) {
      if (isContent(statement)) {
        // What a tag that stands alone takes with it is the end of its line: newlines go at the start only.
        const first = statement.loc.start.line + newlines(statement.original) - newlines(statement.value);
        const goesOn = body[index + 1]?.type === 'MustacheStatement';
        const parts = statement.value.split('\n');
        statement.value = parts
          .map((part, at) =>
            part !== '' || (at === parts.length - 1 && goesOn) ? marked(first + at) + part : part,
          )
          .join('\n');
      } else if (isBlock(statement)) {
        visit(statement.program);
        if (statement.inverse != null) visit(statement.inverse);
      }
    }
  };
  const program = Handlebars.parse(source);
  visit(program);
  return program;
}

function isContent(
  statement: hbs.AST.Statement,
): statement is hbs.AST.ContentStatement & { original: string } {
  return statement.type === 'ContentStatement';
}

function isBlock(statement: hbs.AST.Statement): statement is hbs.AST.BlockStatement {
  return statement.type === 'BlockStatement';
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}
