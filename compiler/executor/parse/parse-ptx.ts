import { roundUp } from '../../support/integer.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import { LocationTracker } from './location-tracker.ts';
import { parseOperand, splitOperands } from './parse-operand.ts';
import {
  type PtxEntry,
  type PtxError,
  PtxFault,
  type PtxInstruction,
  type PtxModule,
  type PtxParameter,
  type PtxStatement,
  type Register,
  type RegisterClass,
  type SharedArray,
} from './ptx-module.ts';
import { type RawStatement, splitStatements } from './split-statements.ts';

const REGISTER_CLASS: Readonly<Record<string, RegisterClass>> = {
  pred: 'pred',
  b16: 'b16',
  u16: 'b16',
  s16: 'b16',
  f16: 'b16',
  bf16: 'b16',
  b32: 'b32',
  u32: 'b32',
  s32: 'b32',
  f32: 'b32',
  f16x2: 'b32',
  bf16x2: 'b32',
  b64: 'b64',
  u64: 'b64',
  s64: 'b64',
};
const TYPE_BYTES: Readonly<Record<string, number>> = {
  b8: 1,
  u8: 1,
  s8: 1,
  b16: 2,
  u16: 2,
  s16: 2,
  f16: 2,
  b32: 4,
  u32: 4,
  s32: 4,
  f32: 4,
  b64: 8,
  u64: 8,
  s64: 8,
  f64: 8,
};

/** Parses the text nvcc or a hand wrote. Anything not understood is an error naming its line. */
export function parsePtx(text: string): Result<PtxModule, PtxError> {
  try {
    return succeed(new Parser(splitStatements(text), text).parse());
  } catch (fault) {
    if (fault instanceof PtxFault) return fail({ line: fault.line, message: fault.message });
    throw fault;
  }
}

class Parser {
  private readonly statements: readonly RawStatement[];
  private readonly locations: LocationTracker;
  private readonly moduleShared: SharedArray[] = [];
  private readonly entries: PtxEntry[] = [];
  private index = 0;

  constructor(statements: readonly RawStatement[], text: string) {
    this.statements = statements;
    this.locations = new LocationTracker(text);
  }

  parse(): PtxModule {
    while (this.index < this.statements.length) this.moduleStatement();
    return { entries: this.entries };
  }

  private next(): RawStatement {
    const statement = this.statements[this.index];
    if (statement === undefined) throw new PtxFault(0, 'the text ends inside a kernel');
    this.index += 1;
    return statement;
  }

  private moduleStatement(): void {
    const { text, line, end } = this.next();
    if (/^\.(version|target|address_size|file)/.test(text)) return;
    else if (text.startsWith('.section')) this.skipSection();
    else if (/^(\.(visible|weak)\s+)?\.entry\b/.test(text)) this.entry(text, line);
    else if (/\.shared\b/.test(text)) this.moduleShared.push(parseShared(text, line));
    else if (/^\.(global|const|extern \.func|func|visible \.func)/.test(text))
      throw new PtxFault(line, `not supported by the executor: ${text.slice(0, 80)}`);
    else throw new PtxFault(line, `unexpected at module level: ${text.slice(0, 80)}${end}`);
  }

  private skipSection(): void {
    let depth = 0;
    do {
      const { end } = this.next();
      if (end === '{') depth += 1;
      if (end === '}') depth -= 1;
    } while (depth > 0);
  }

  private entry(head: string, line: number): void {
    const match = /\.entry\s+([\w$]+)\s*(?:\(([\s\S]*)\))?/.exec(head);
    if (match?.[1] === undefined) throw new PtxFault(line, `cannot read the entry: ${head}`);
    const parameters = parseParameters(match[2] ?? '', line);
    const body = new EntryBody(this.locations);
    let depth = 0;
    do {
      const statement = this.next();
      if (statement.end === '{' && statement.text === '') {
        depth += 1;
        body.open();
      } else if (statement.end === '}' && statement.text === '') {
        depth -= 1;
        body.close();
      } else {
        body.statement(statement);
      }
    } while (depth > 0);
    const last = parameters.at(-1);
    this.entries.push({
      name: match[1],
      line,
      parameters,
      parameterBytes: last === undefined ? 0 : last.offset + last.bytes,
      registers: body.registers,
      shared: [...this.moduleShared, ...body.shared],
      statements: body.statements,
    });
  }
}

/** Collects one kernel's body, with its nested register scopes. */
class EntryBody {
  readonly registers: Register[] = [];
  readonly shared: SharedArray[] = [];
  readonly statements: PtxStatement[] = [];
  private readonly scopes: Map<string, Register>[] = [];
  private readonly locations: LocationTracker;

  constructor(locations: LocationTracker) {
    this.locations = locations;
  }

  open(): void {
    this.scopes.push(new Map());
  }

  close(): void {
    this.scopes.pop();
  }

  statement({ text, line, end }: RawStatement): void {
    if (end === ':') this.statements.push({ kind: 'label', name: text, line });
    else if (text.startsWith('.loc')) this.locations.enter(text);
    else if (text.startsWith('.reg')) this.declare(text, line);
    else if (text.startsWith('.pragma')) return;
    else if (text.startsWith('.shared')) this.shared.push(parseShared(text, line));
    else if (text.startsWith('.'))
      throw new PtxFault(line, `directive not supported by the executor: ${text.slice(0, 80)}`);
    else this.statements.push({ kind: 'instruction', instruction: this.instruction(text, line) });
  }

  private find(name: string): Register | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i -= 1) {
      const register = this.scopes[i]?.get(name);
      if (register !== undefined) return register;
    }
    return undefined;
  }

  private declare(text: string, line: number): void {
    const match = /^\.reg\s+\.(\w+)\s+([\s\S]+)$/.exec(text);
    const kind = REGISTER_CLASS[match?.[1] ?? ''];
    if (match?.[2] === undefined || kind === undefined)
      throw new PtxFault(line, `register type not supported by the executor: ${text}`);
    for (const name of match[2].split(',').map((part) => part.trim())) {
      const range = /^([%\w$]+)<(\d+)>$/.exec(name);
      if (range?.[1] === undefined) this.add(name, kind);
      else for (let i = 0; i < Number(range[2]); i += 1) this.add(`${range[1]}${i}`, kind);
    }
  }

  private add(name: string, kind: RegisterClass): void {
    const register = { id: this.registers.length, name, class: kind };
    this.registers.push(register);
    this.scopes.at(-1)?.set(name, register);
  }

  private instruction(text: string, line: number): PtxInstruction {
    const match = /^(?:@(!?)\s*([%\w$]+)\s+)?([a-z][\w.:]*)\s*([\s\S]*)$/.exec(text);
    const spelling = match?.[3];
    if (match === null || spelling === undefined)
      throw new PtxFault(line, `cannot read the instruction: ${text}`);
    const find = (name: string) => this.find(name);
    let guard: PtxInstruction['guard'] = null;
    if (match[2] !== undefined) {
      const register = this.find(match[2]);
      if (register?.class !== 'pred') throw new PtxFault(line, `the guard ${match[2]} is not a predicate`);
      guard = { register, negated: match[1] === '!' };
    }
    const [opcode = '', ...modifiers] = spelling.split('.');
    const operands = splitOperands(match[4] ?? '').map((part) =>
      parseOperand(part, line, find, opcode === 'bra'),
    );
    return { line, opcode, modifiers, spelling, operands, guard, source: this.locations.current() };
  }
}

function parseShared(text: string, line: number): SharedArray {
  const match =
    /^(\.extern\s+)?(?:\.visible\s+)?\.shared\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$]+)((?:\[\d*\])*)$/.exec(
      text,
    );
  const size = TYPE_BYTES[match?.[3] ?? ''];
  if (match?.[4] === undefined || size === undefined)
    throw new PtxFault(line, `cannot read the shared array: ${text}`);
  const dynamic = match[1] !== undefined;
  const counts = [...(match[5] ?? '').matchAll(/\[(\d*)\]/g)].map((part) => Number(part[1] || 0));
  const bytes = dynamic ? 0 : counts.reduce((product, count) => product * count, size);
  return { name: match[4], bytes, align: Number(match[2] ?? size), dynamic };
}

function parseParameters(text: string, line: number): PtxParameter[] {
  const parameters: PtxParameter[] = [];
  let offset = 0;
  for (const part of splitOperands(text)) {
    const match =
      /^\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(?:\.ptr\s+(?:\.\w+\s+)*(?:\.align\s+\d+\s+)?)?([\w$]+)(?:\[(\d+)\])?$/.exec(
        part,
      );
    const size = TYPE_BYTES[match?.[2] ?? ''];
    if (match?.[3] === undefined || match[2] === undefined || size === undefined)
      throw new PtxFault(line, `cannot read the parameter: ${part}`);
    offset = roundUp(offset, Number(match[1] ?? size));
    const bytes = size * Number(match[4] ?? 1);
    parameters.push({ name: match[3], offset, bytes, type: match[2] });
    offset += bytes;
  }
  return parameters;
}
