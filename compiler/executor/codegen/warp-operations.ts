import { type Operand, PtxFault, type PtxInstruction, type Register } from '../parse/ptx-module.ts';
import { mmaFunctionName } from '../wasm/bulk-operations.ts';
import type { KernelContext } from './kernel-context.ts';

/**
 * Writes calls for warp-wide instructions. Operands become word indices of lane planes (`b + offset`); `g` is the
 * mask of lanes whose guard holds. Every emitter returns the JavaScript statement.
 */
export class WarpWriter {
  readonly context: KernelContext;
  readonly instruction: PtxInstruction;
  readonly index: number;

  constructor(context: KernelContext, instruction: PtxInstruction, index: number) {
    this.context = context;
    this.instruction = instruction;
    this.index = index;
  }

  fail(message: string): never {
    throw new PtxFault(this.instruction.line, `${this.instruction.spelling}: ${message}`);
  }

  register(operand: Operand | undefined, kind: Register['class']): Register {
    if (operand?.kind !== 'register') this.fail(`expected a register, found ${operand?.kind ?? 'nothing'}`);
    if (operand.register.class !== kind)
      this.fail(`${operand.register.name} is ${operand.register.class}, the instruction wants ${kind}`);
    return operand.register;
  }

  /** Word index of a 32-bit operand's plane; immediates get a plane of their own. */
  plane(operand: Operand | undefined): string {
    if (operand?.kind === 'integer')
      return this.at(this.context.file.constant(Number(BigInt.asIntN(32, operand.value))));
    if (operand?.kind === 'float') return this.at(this.context.file.constant(operand.bits));
    return this.at(this.context.file.offset(this.register(operand, 'b32')));
  }

  at(offset: number): string {
    return `b + ${offset}`;
  }

  items(operand: Operand | undefined): readonly Operand[] {
    if (operand?.kind === 'vector') return operand.items;
    return operand === undefined ? [] : [operand];
  }

  /** Planes of all registers in a vector operand; `_` goes to a plane nobody reads. */
  planes(operand: Operand | undefined, count: number): string[] {
    const items = this.items(operand);
    if (items.length !== count) this.fail(`expected ${count} registers, found ${items.length}`);
    return items.map((item) =>
      item.kind === 'sink' ? this.at(this.context.file.scratch()) : this.plane(item),
    );
  }

  /** The mask word of a predicate operand. */
  mask(operand: Operand | undefined): string {
    const word = `I[b + ${this.context.file.offset(this.register(operand, 'pred'))}]`;
    return operand?.kind === 'register' && operand.negated ? `~${word}` : word;
  }

  /** An operand that must be the same in all lanes, as a number: an immediate or the register's first active lane. */
  uniform(operand: Operand | undefined): string {
    if (operand?.kind === 'integer') return String(Number(operand.value) | 0);
    return `I[${this.plane(operand)} + R.firstLane(g)]`;
  }
}

export type WarpOperation = (w: WarpWriter) => string | undefined;

const MMA_SHAPES: Readonly<
  Record<string, Readonly<Record<string, readonly [a: number, b: number, c: number]>>>
> = {
  m16n8k64: { s4: [4, 2, 4] },
  m16n8k32: { s4: [2, 1, 4], s8: [4, 2, 4], u8: [4, 2, 4] },
  m8n8k32: { s4: [1, 1, 2] },
  m16n8k16: { s8: [2, 1, 4], u8: [2, 1, 4], f16: [4, 2, 4], bf16: [4, 2, 4] },
  m16n8k8: { f16: [2, 1, 4], bf16: [2, 1, 4] },
};

/** mma.sync.aligned.<shape>.row.col[.satfinite].<d>.<a>.<b>.<c> (PTX ISA 9.7.14.5.14). */
const mma: WarpOperation = (w) => {
  const m = w.instruction.modifiers.filter((x) => x !== 'satfinite');
  const saturating = m.length !== w.instruction.modifiers.length;
  const [sync, aligned, shape = '', row, col, dType, aType = '', bType = '', cType] = m;
  if (m.length !== 9 || sync !== 'sync' || aligned !== 'aligned' || row !== 'row' || col !== 'col')
    return undefined;
  const counts = MMA_SHAPES[shape]?.[aType];
  const isFloat = aType === 'f16' || aType === 'bf16';
  const accumulator = isFloat ? 'f32' : 's32';
  if (counts === undefined || dType !== accumulator || cType !== accumulator || (isFloat && saturating))
    return undefined;
  const name = mmaFunctionName(shape === 'm8n8k32' ? 'm16n8k32' : shape, aType, bType, saturating);
  if (name === undefined) return undefined;
  const [d, a, b, c] = w.instruction.operands;
  const scratch = () => w.at(w.context.file.scratch());
  const zero = () => w.at(w.context.file.constant(0));
  const pad = (planes: string[], count: number, fill: () => string) => {
    while (planes.length < count) planes.push(fill());
    return planes;
  };
  const aPlanes = w.planes(a, counts[0]);
  // m8n8k32 is the upper half of m16n8k32: rows 8-15 are zero and go nowhere.
  const planes = [
    ...pad(w.planes(d, counts[2]), 4, scratch),
    ...pad(shape === 'm8n8k32' ? [...aPlanes, zero()] : aPlanes, 4, zero),
    ...pad(w.planes(b, counts[1]), 2, zero),
    ...pad(w.planes(c, counts[2]), 4, zero),
  ];
  const call = `B.${name}(${planes.map((plane) => `(${plane}) << 2`).join(', ')})`;
  if (!isFloat) return `${call};`;
  const listed = planes.join(', ');
  return `if (${call}) R.floatMma('${aType}', ${counts[0] / 2}, [${listed}]);`;
};

const movmatrix: WarpOperation = (w) => {
  if (w.instruction.spelling !== 'movmatrix.sync.aligned.m8n8.trans.b16') return undefined;
  const [d, a] = w.instruction.operands;
  return `R.transpose(${w.plane(a)}, ${w.plane(d)});`;
};

const shfl: WarpOperation = (w) => {
  const [sync, mode = '', type] = w.instruction.modifiers;
  if (sync !== 'sync' || type !== 'b32' || !['up', 'down', 'bfly', 'idx'].includes(mode)) return undefined;
  const [d, a, lane, clamp, members] = w.instruction.operands;
  const value = d?.kind === 'pair' ? d.first : d;
  const inRange = d?.kind === 'pair' && d.second.kind !== 'sink' ? w.mask(d.second) : undefined;
  const to = value?.kind === 'sink' ? w.at(w.context.file.scratch()) : w.plane(value);
  const call = `R.shuffle(${w.index}, '${mode}', g, ${to}, ${w.plane(a)}, ${w.plane(lane)}, ${w.plane(clamp)}, ${w.plane(members)})`;
  return inRange === undefined
    ? `${call};`
    : `{ const p = ${call}; ${inRange} = (${inRange} & ~g) | (p & g); }`;
};

const vote: WarpOperation = (w) => {
  const [sync, mode, type] = w.instruction.modifiers;
  const [d, p, members] = w.instruction.operands;
  if (sync !== 'sync' || w.instruction.modifiers.length !== 3) return undefined;
  const votes = `R.vote(${w.index}, g, ${w.uniform(members)}, ${w.mask(p)})`;
  if (mode === 'ballot' && type === 'b32') return `R.spread(g, ${w.plane(d)}, ${votes});`;
  const truth: Readonly<Record<string, string>> = {
    any: 'v !== 0',
    all: 'v === m',
    uni: 'v === 0 || v === m',
  };
  const condition = truth[mode ?? ''];
  if (type !== 'pred' || condition === undefined) return undefined;
  const to = w.mask(d);
  return `{ const m = ${w.uniform(members)} & R.existing(w); const v = ${votes}; ${to} = (${condition}) ? ${to} | g : ${to} & ~g; }`;
};

const activemask: WarpOperation = (w) =>
  w.instruction.spelling === 'activemask.b32'
    ? `R.spread(g, ${w.plane(w.instruction.operands[0])}, g);`
    : undefined;

const redux: WarpOperation = (w) => {
  const [sync, operation = '', type = ''] = w.instruction.modifiers;
  const known = /^[su]32$/.test(type) ? ['add', 'min', 'max'] : type === 'b32' ? ['and', 'or', 'xor'] : [];
  if (sync !== 'sync' || !known.includes(operation) || w.instruction.modifiers.length !== 3) return undefined;
  const [d, a, members] = w.instruction.operands;
  return `R.redux(${w.index}, '${operation}', ${type === 's32'}, g, ${w.plane(d)}, ${w.plane(a)}, ${w.uniform(members)});`;
};

/** membar and fence (PTX ISA 9.7.13.4): membar.gl is fence.sc.gpu. */
const fence: WarpOperation = (w) => {
  const { opcode, modifiers } = w.instruction;
  const scopes: Readonly<Record<string, number>> = { cta: 1, gl: 2, gpu: 2, sys: 3, cluster: 2 };
  const scope = scopes[modifiers.at(-1) ?? ''];
  if (scope === undefined) return undefined;
  if (opcode === 'membar') return modifiers.length === 1 ? `R.fence(g, ${scope}, true);` : undefined;
  const [semantics] = modifiers;
  if (modifiers.length !== 2 || (semantics !== 'sc' && semantics !== 'acq_rel')) return undefined;
  return `R.fence(g, ${scope}, ${semantics === 'sc'});`;
};

/** A hint to wait a while: the executor has no time to wait. */
const nanosleep: WarpOperation = (w) => (w.instruction.spelling === 'nanosleep.u32' ? '' : undefined);

export const WARP_OPERATIONS: Readonly<Record<string, WarpOperation>> = {
  mma,
  movmatrix,
  shfl,
  vote,
  activemask,
  redux,
  nanosleep,
  membar: fence,
  fence,
};
