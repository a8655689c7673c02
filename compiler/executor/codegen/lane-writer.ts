import { floatOfBits } from '../numeric/bits.ts';
import { type Operand, PtxFault, type PtxInstruction, type Register } from '../parse/ptx-module.ts';
import type { KernelContext } from './kernel-context.ts';

function floatLiteral(bits: number): string {
  const value = floatOfBits(bits);
  return Object.is(value, -0) ? '-0' : value < 0 ? `(${value})` : String(value);
}

export interface Wide {
  readonly low: string;
  readonly high: string;
}

/**
 * Writes a run of lane-local instructions as one loop over the 32 lanes. Values live in JavaScript locals (`i7` as
 * integer, `f7` as float, `h7` high word, `p7` predicate) and go to the register file as they are defined, unless no
 * instruction outside the run names the register.
 */
export class LaneWriter {
  private readonly context: KernelContext;
  private readonly isLocal: (register: Register) => boolean;
  private readonly lines: string[] = [];
  private inner: string[] = [];
  private readonly locals = new Set<string>();
  private readonly predicates = new Map<number, Register>();
  private valid = new Map<number, Set<string>>();
  private instruction: PtxInstruction | undefined;
  private conditional = false;
  private temporaries = 0;
  private cursor = 0;

  constructor(context: KernelContext, isLocal: (register: Register) => boolean) {
    this.context = context;
    this.isLocal = isLocal;
  }

  fail(message: string): never {
    throw new PtxFault(this.instruction?.line ?? 0, `${this.instruction?.spelling}: ${message}`);
  }

  /** Emits one instruction; `emit` reads and writes operands through this writer. */
  add(instruction: PtxInstruction, index: number, emit: () => void): void {
    this.instruction = instruction;
    this.cursor = index;
    this.inner = [];
    const guard = instruction.guard;
    if (guard === null) {
      emit();
      this.lines.push(...this.inner);
      return;
    }
    const condition = `${guard.negated ? '!' : ''}${this.predicateLocal(guard.register)}`;
    this.lines.push(...this.inner);
    this.inner = [];
    this.conditional = true;
    emit();
    this.conditional = false;
    this.lines.push(`if (${condition}) {`, ...this.inner, '}');
  }

  /** The whole loop. `b` is the warp's base, `mask` the active lanes. */
  finish(): string {
    const masks: string[] = [];
    const gather: string[] = [];
    const after: string[] = [];
    for (const register of this.predicates.values()) {
      const at = this.context.file.offset(register);
      masks.push(`let m${register.id} = 0;`);
      gather.push(`if (p${register.id}) m${register.id} |= 1 << l;`);
      after.push(`I[b + ${at}] = (I[b + ${at}] & ~mask) | m${register.id};`);
    }
    const locals =
      this.locals.size === 0 ? '' : `let ${[...this.locals].map((name) => `${name} = 0`).join(', ')};`;
    return [
      '{',
      ...masks,
      locals,
      'for (let l = 0; l < 32; l++) {',
      'if (((mask >>> l) & 1) === 0) continue;',
      ...this.lines,
      ...gather,
      '}',
      ...after,
      '}',
    ].join('\n');
  }

  /** A local name for a value used more than once. */
  temporary(expression: string): string {
    this.temporaries += 1;
    const name = `t${this.temporaries}`;
    this.inner.push(`const ${name} = ${expression};`);
    return name;
  }

  private register(operand: Operand | undefined, kind: Register['class']): Register {
    if (operand?.kind !== 'register') this.fail(`expected a register, found ${operand?.kind ?? 'nothing'}`);
    if (operand.register.class !== kind)
      this.fail(`${operand.register.name} is ${operand.register.class}, the instruction wants ${kind}`);
    return operand.register;
  }

  private load(register: Register, view: string, source: string): string {
    const name = `${view}${register.id}`;
    this.locals.add(name);
    this.checkDefined(register);
    let views = this.valid.get(register.id);
    if (views === undefined) {
      views = new Set();
      this.valid.set(register.id, views);
    }
    if (!views.has(view)) {
      views.add(view);
      this.lines.push(`${name} = ${source};`);
    }
    return name;
  }

  private checkDefined(register: Register): void {
    if (!this.context.isUnproven(this.cursor, register)) return;
    const at = this.context.file.definedOffset(register);
    this.inner.push(
      `if (((I[b + ${at}] >>> l) & 1) === 0) R.unset(${this.cursor}, l, ${JSON.stringify(register.name)});`,
    );
  }

  private predicateLocal(register: Register): string {
    const at = this.context.file.offset(register);
    return this.load(register, 'p', `(I[b + ${at}] >>> l) & 1`);
  }

  private otherView(register: Register, have: string, cast: string, plane: string): string {
    // A register kept in locals only is read in its other view through a cast; others come from the register file.
    const views = this.valid.get(register.id);
    return this.isLocal(register) && views?.has(have) === true ? `${cast}(${have}${register.id})` : plane;
  }

  /** A 32-bit operand as a JavaScript int32 expression. */
  int(operand: Operand | undefined): string {
    if (operand?.kind === 'integer') return String(Number(BigInt.asIntN(32, operand.value)));
    if (operand?.kind === 'float') return String(operand.bits);
    const register = this.register(operand, 'b32');
    const at = this.context.file.offset(register);
    return this.load(register, 'i', this.otherView(register, 'f', 'N.bitsOfFloat', `I[b + ${at} + l]`));
  }

  float(operand: Operand | undefined): string {
    if (operand?.kind === 'float') return floatLiteral(operand.bits);
    const register = this.register(operand, 'b32');
    const at = this.context.file.offset(register);
    return this.load(register, 'f', this.otherView(register, 'i', 'N.floatOfBits', `F[b + ${at} + l]`));
  }

  /** A 16-bit operand, zero-extended. */
  half(operand: Operand | undefined): string {
    if (operand?.kind === 'integer') return String(Number(BigInt.asUintN(16, operand.value)));
    const register = this.register(operand, 'b16');
    return this.load(register, 'i', `I[b + ${this.context.file.offset(register)} + l] & 65535`);
  }

  wide(operand: Operand | undefined): Wide {
    if (operand?.kind === 'integer') {
      const value = BigInt.asUintN(64, operand.value);
      return {
        low: String(Number(BigInt.asIntN(32, value))),
        high: String(Number(BigInt.asIntN(32, value >> 32n))),
      };
    }
    const register = this.register(operand, 'b64');
    const at = this.context.file.offset(register);
    return {
      low: this.load(register, 'i', `I[b + ${at} + l]`),
      high: this.load(register, 'h', `I[b + ${at + 32} + l]`),
    };
  }

  /** A predicate operand as 0/1, its `!` applied. */
  predicate(operand: Operand | undefined): string {
    const name = this.predicateLocal(this.register(operand, 'pred'));
    return operand?.kind === 'register' && operand.negated ? `(${name} ^ 1)` : name;
  }

  private define(register: Register, views: readonly string[]): void {
    // Under a guard the lanes that do not take part keep their old value, so it must be in the locals first.
    if (this.conditional) {
      const file = this.context.file.offset(register);
      const known = this.valid.get(register.id);
      for (const view of views) {
        this.locals.add(`${view}${register.id}`);
        if (known?.has(view) === true || this.isLocal(register)) continue;
        const source =
          view === 'p'
            ? `(I[b + ${file}] >>> l) & 1`
            : view === 'f'
              ? `F[b + ${file} + l]`
              : `I[b + ${view === 'h' ? file + 32 : file} + l]`;
        this.lines.push(`${view}${register.id} = ${source};`);
      }
    } else for (const view of views) this.locals.add(`${view}${register.id}`);
    this.valid.set(register.id, new Set(views));
    if (this.context.isTracked(register)) {
      this.inner.push(`I[b + ${this.context.file.definedOffset(register)}] |= 1 << l;`);
    }
  }

  setInt(operand: Operand | undefined, expression: string): void {
    const register = this.register(operand, 'b32');
    this.define(register, ['i']);
    this.store(register, `i${register.id}`, `(${expression}) | 0`, 'I', 0);
  }

  setFloat(operand: Operand | undefined, expression: string): void {
    const register = this.register(operand, 'b32');
    this.define(register, ['f']);
    this.store(register, `f${register.id}`, expression, 'F', 0);
  }

  setHalf(operand: Operand | undefined, expression: string): void {
    const register = this.register(operand, 'b16');
    this.define(register, ['i']);
    this.store(register, `i${register.id}`, `(${expression}) & 65535`, 'I', 0);
  }

  setWide(operand: Operand | undefined, low: string, high: string): void {
    const register = this.register(operand, 'b64');
    // The new words may read the old ones: both are computed before either is assigned.
    const lowValue = this.temporary(`(${low}) | 0`);
    const highValue = this.temporary(`(${high}) | 0`);
    this.define(register, ['i', 'h']);
    this.store(register, `i${register.id}`, lowValue, 'I', 0);
    this.store(register, `h${register.id}`, highValue, 'I', 32);
  }

  /** `condition` is any JavaScript truth value. */
  setPredicate(operand: Operand | undefined, condition: string): void {
    if (operand?.kind === 'sink') return;
    const register = this.register(operand, 'pred');
    this.define(register, ['p']);
    this.predicates.set(register.id, register);
    this.inner.push(`p${register.id} = (${condition}) ? 1 : 0;`);
  }

  private store(register: Register, local: string, expression: string, view: string, plane: number): void {
    this.inner.push(`${local} = ${expression};`);
    if (this.isLocal(register)) return;
    this.inner.push(`${view}[b + ${this.context.file.offset(register) + plane} + l] = ${local};`);
  }
}
