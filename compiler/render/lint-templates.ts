import Handlebars from 'handlebars';
import type { TemplateContract } from '../families/family.ts';
import type { TemplateSet } from './template-set.ts';
import { type ViewShape, viewShape } from './view-shape.ts';

/** A fault in a template: its name, the line, and what is wrong. */
export interface TemplateFault {
  readonly template: string;
  readonly line: number;
  readonly message: string;
}

const budget = { template: 150, part: 60 };

/**
 * Checks templates against the schemas of the views they print. Handlebars' strict mode misses a misspelt name in #if
 * and #each, and everything in a branch not taken; this does not. Also: what a template may do (ARCHITECTURE.md), fields that
 * no template prints, templates that nothing uses, and sizes.
 */
export function lintTemplates(
  set: TemplateSet,
  contracts: readonly TemplateContract[],
): readonly TemplateFault[] {
  const linter = new Linter(set);
  for (const contract of contracts) linter.lintContract(contract);
  linter.lintRest();
  return linter.faults;
}

interface Scope {
  readonly template: string;
  readonly shape: ViewShape;
  /** Path of the scope's object in the view, for the list of used fields. */
  readonly path: string;
  readonly insideIf: boolean;
}

class Linter {
  readonly faults: TemplateFault[] = [];
  private readonly set: TemplateSet;
  private readonly visited = new Set<string>();
  private used = new Set<string>();
  private slots: TemplateContract['slots'] = {};

  constructor(set: TemplateSet) {
    this.set = set;
  }

  lintContract(contract: TemplateContract): void {
    this.used = new Set();
    this.slots = contract.slots;
    const shape = viewShape(contract.schema);
    this.lintTemplate(contract.template, { template: contract.template, shape, path: '', insideIf: false });
    for (const field of leaves(shape, '')) {
      if (!this.used.has(field))
        this.report(contract.template, 1, `nothing prints the view's field ${field}`);
    }
  }

  lintRest(): void {
    for (const [name, source] of this.set.sources) {
      if (!this.visited.has(name)) this.report(name, 1, 'no view uses this template');
      const lines = source.split('\n').length - 1;
      const limit = /^(cuda|wgsl)\/(parts|slots)\/|^shared\//.test(name) ? budget.part : budget.template;
      if (lines > limit) this.report(name, limit, `${lines} lines, at most ${limit} are wanted`);
    }
  }

  private report(template: string, line: number, message: string): void {
    const known = this.faults.some(
      (fault) => fault.template === template && fault.line === line && fault.message === message,
    );
    if (!known) this.faults.push({ template, line, message });
  }

  private lintTemplate(name: string, scope: Scope): void {
    const source = this.set.sources.get(name);
    if (source === undefined) {
      this.report(scope.template, 1, `no template is named ${name}`);
      return;
    }
    this.visited.add(name);
    this.lintProgram(Handlebars.parse(source), { ...scope, template: name });
  }

  private lintProgram(program: hbs.AST.Program, scope: Scope): void {
    for (const statement of program.body) this.lintStatement(statement, scope);
  }

  private lintStatement(statement: hbs.AST.Statement, scope: Scope): void {
    const line = statement.loc.start.line;
    switch (statement.type) {
      case 'ContentStatement':
      case 'CommentStatement':
        return;
      case 'MustacheStatement': {
        const mustache = statement as hbs.AST.MustacheStatement;
        if (!mustache.escaped)
          this.report(scope.template, line, '{{{ eats C braces in silence: write { {{name}} }');
        if (mustache.params.length > 0) this.report(scope.template, line, 'templates call no helpers');
        const shape = this.resolve(mustache.path, scope, line);
        if (shape !== undefined && shape.kind !== 'scalar') {
          this.report(
            scope.template,
            line,
            `${pathText(mustache.path)} is ${shape.kind}, not text or a number`,
          );
        }
        return;
      }
      case 'PartialStatement':
        this.lintPartial(statement as hbs.AST.PartialStatement, scope);
        return;
      case 'BlockStatement':
        this.lintBlock(statement as hbs.AST.BlockStatement, scope);
        return;
      default:
        this.report(scope.template, line, `${statement.type} is not allowed in a template`);
    }
  }

  private lintBlock(block: hbs.AST.BlockStatement, scope: Scope): void {
    const line = block.loc.start.line;
    const helper = pathText(block.path);
    const parameter = block.params[0];
    if ((helper !== 'if' && helper !== 'each') || parameter === undefined) {
      this.report(scope.template, line, `only #if and #each are allowed, not #${helper}`);
      return;
    }
    const shape = this.resolve(parameter, scope, line);
    for (const program of [block.program, block.inverse]) {
      const balance = program === undefined ? 0 : braceBalance(program);
      if (balance !== 0)
        this.report(
          scope.template,
          line,
          `a branch of #${helper} opens ${balance} braces more than it closes`,
        );
    }
    if (helper === 'each') {
      if (shape !== undefined && shape.kind !== 'array') {
        this.report(scope.template, line, `#each over ${pathText(parameter)}, which is ${shape.kind}`);
      }
      if (shape?.kind !== 'array') return;
      this.lintProgram(block.program, {
        ...scope,
        shape: shape.element,
        path: `${join(scope.path, pathText(parameter))}[]`,
      });
      if (shape.element.kind === 'scalar') this.used.add(`${join(scope.path, pathText(parameter))}[]`);
      return;
    }
    if (shape !== undefined && shape.kind !== 'boolean') {
      this.report(
        scope.template,
        line,
        `#if on ${pathText(parameter)}, which is ${shape.kind}: 0 and "" are false`,
      );
    }
    if (scope.insideIf) this.report(scope.template, line, '#if inside #if: decide it in the view');
    this.lintProgram(block.program, { ...scope, insideIf: true });
    if (block.inverse !== undefined) this.lintProgram(block.inverse, { ...scope, insideIf: true });
  }

  private lintPartial(partial: hbs.AST.PartialStatement, scope: Scope): void {
    const line = partial.loc.start.line;
    const name = pathText(partial.name);
    const context = partial.params[0];
    const inner: Scope =
      context === undefined
        ? { ...scope, shape: { kind: 'object', fields: new Map() } }
        : this.contextScope(context, scope, line);
    const slot = name.startsWith('slots/') ? name.slice('slots/'.length) : undefined;
    if (slot === undefined) {
      this.lintTemplate(name, inner);
      return;
    }
    const fillers = this.slots[slot];
    if (fillers === undefined) this.report(scope.template, line, `no view fills the slot ${slot}`);
    for (const filler of fillers ?? []) this.lintTemplate(filler, inner);
  }

  private contextScope(context: hbs.AST.Expression, scope: Scope, line: number): Scope {
    const shape = this.resolve(context, scope, line) ?? { kind: 'object', fields: new Map() };
    const path = pathText(context);
    return { ...scope, shape, path: path === 'this' || path === '' ? scope.path : join(scope.path, path) };
  }

  private resolve(expression: hbs.AST.Expression, scope: Scope, line: number): ViewShape | undefined {
    if (expression.type !== 'PathExpression') {
      this.report(scope.template, line, 'a template names a field, it does not compute');
      return undefined;
    }
    const { parts, depth } = expression as hbs.AST.PathExpression;
    if (depth > 0)
      this.report(scope.template, line, '../ reaches out of the context: hand the field over instead');
    let shape = scope.shape;
    let path = scope.path;
    for (const part of parts) {
      const next: ViewShape | undefined =
        shape.kind === 'object' ? shape.fields.get(String(part)) : undefined;
      if (next === undefined) {
        this.report(scope.template, line, `the view has no field ${join(path, String(part))}`);
        return undefined;
      }
      shape = next;
      path = join(path, String(part));
    }
    if (shape.kind !== 'object') this.used.add(path);
    return shape;
  }
}

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

function pathText(expression: hbs.AST.Expression): string {
  return (expression as hbs.AST.PathExpression).original?.toString() ?? '';
}

/** Dotted names of the fields that can be printed. */
function leaves(shape: ViewShape, path: string): readonly string[] {
  if (shape.kind === 'object')
    return [...shape.fields].flatMap(([key, field]) => leaves(field, join(path, key)));
  if (shape.kind === 'array')
    return shape.element.kind === 'object' ? leaves(shape.element, `${path}[]`) : [path];
  return [path];
}

/** Braces opened minus braces closed in the text of a branch, its nested blocks included. */
function braceBalance(program: hbs.AST.Program): number {
  let balance = 0;
  for (const statement of program.body) {
    if (statement.type === 'ContentStatement') {
      for (const character of (statement as hbs.AST.ContentStatement).value) {
        if (character === '{') balance += 1;
        if (character === '}') balance -= 1;
      }
    }
    if (statement.type === 'BlockStatement')
      balance += braceBalance((statement as hbs.AST.BlockStatement).program);
  }
  return balance;
}
