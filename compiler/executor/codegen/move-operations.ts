import type { Operand, PtxInstruction } from '../parse/ptx-module.ts';
import type { LaneOperation } from './integer-operations.ts';
import type { KernelContext } from './kernel-context.ts';
import type { LaneWriter } from './lane-writer.ts';

const SPECIALS: Readonly<Record<string, string>> = {
  '%tid.x': 'R.tidX[w * 32 + l]',
  '%tid.y': 'R.tidY[w * 32 + l]',
  '%tid.z': 'R.tidZ[w * 32 + l]',
  '%ntid.x': 'R.blockSize[0]',
  '%ntid.y': 'R.blockSize[1]',
  '%ntid.z': 'R.blockSize[2]',
  '%ctaid.x': 'R.block[0]',
  '%ctaid.y': 'R.block[1]',
  '%ctaid.z': 'R.block[2]',
  '%nctaid.x': 'R.grid[0]',
  '%nctaid.y': 'R.grid[1]',
  '%nctaid.z': 'R.grid[2]',
  '%laneid': 'l',
  '%warpid': 'w',
  '%lanemask_eq': '1 << l',
  '%lanemask_lt': '(1 << l) - 1',
  '%lanemask_le': '((1 << l) - 1) | (1 << l)',
  '%lanemask_ge': '-1 << l',
  '%lanemask_gt': '(-2 << l)',
};

const BITS32 = new Set(['b32', 'u32', 's32', 'f32']);
const BITS64 = new Set(['b64', 'u64', 's64']);
const BITS16 = new Set(['b16', 'u16', 's16', 'f16', 'bf16']);

const isVector = (operand: Operand | undefined): operand is Extract<Operand, { kind: 'vector' }> =>
  operand?.kind === 'vector';

/** mov (PTX ISA 9.7.9.3-4), packing and unpacking vectors included. */
export function moveOperation(context: KernelContext): LaneOperation {
  return (w, i) => {
    const [type = ''] = i.modifiers;
    const [d, a] = i.operands;
    if (i.modifiers.length !== 1 || i.operands.length !== 2) return false;
    if (isVector(a)) return pack(w, type, d, a.items);
    if (isVector(d)) return unpack(w, type, d.items, a);
    if (a?.kind === 'special') return special(w, type, d, a.name);
    if (a?.kind === 'symbol') {
      const address = context.symbol(a.name);
      if (address === undefined) return w.fail(`unknown symbol ${a.name}`);
      if (BITS32.has(type)) w.setInt(d, String(address + a.offset));
      else if (BITS64.has(type)) w.setWide(d, String(address + a.offset), '0');
      else return false;
      return true;
    }
    if (type === 'pred') w.setPredicate(d, a?.kind === 'integer' ? String(a.value) : w.predicate(a));
    else if (BITS32.has(type)) w.setInt(d, w.int(a));
    else if (BITS16.has(type)) w.setHalf(d, w.half(a));
    else if (BITS64.has(type)) {
      const x = w.wide(a);
      w.setWide(d, x.low, x.high);
    } else return false;
    return true;
  };
}

function special(w: LaneWriter, type: string, d: Operand | undefined, name: string): boolean {
  const expression = SPECIALS[name];
  if (expression === undefined || !BITS32.has(type)) return false;
  w.setInt(d, expression);
  return true;
}

function pack(w: LaneWriter, type: string, d: Operand | undefined, items: readonly Operand[]): boolean {
  const [x, y, z, u] = items;
  if (type === 'b32' && items.length === 2) w.setInt(d, `${w.half(x)} | (${w.half(y)} << 16)`);
  else if (type === 'b64' && items.length === 2) w.setWide(d, w.int(x), w.int(y));
  else if (type === 'b64' && items.length === 4)
    w.setWide(d, `${w.half(x)} | (${w.half(y)} << 16)`, `${w.half(z)} | (${w.half(u)} << 16)`);
  else return false;
  return true;
}

function unpack(w: LaneWriter, type: string, items: readonly Operand[], a: Operand | undefined): boolean {
  const setHalf = (item: Operand | undefined, value: string) => {
    if (item?.kind !== 'sink') w.setHalf(item, value);
  };
  if (type === 'b32' && items.length === 2) {
    const value = w.temporary(w.int(a));
    setHalf(items[0], value);
    setHalf(items[1], `${value} >>> 16`);
  } else if (type === 'b64' && (items.length === 2 || items.length === 4)) {
    const value = w.wide(a);
    const [low, high] = [w.temporary(value.low), w.temporary(value.high)];
    if (items.length === 2) {
      if (items[0]?.kind !== 'sink') w.setInt(items[0], low);
      if (items[1]?.kind !== 'sink') w.setInt(items[1], high);
    } else {
      for (const [k, item] of items.entries()) setHalf(item, `${k < 2 ? low : high} >>> ${16 * (k & 1)}`);
    }
  } else return false;
  return true;
}

/** selp (PTX ISA 9.7.6.3): always on bits, so that a NaN is not touched. */
export const selp: LaneOperation = (w, i) => {
  const [type = ''] = i.modifiers;
  const [d, a, b, p] = i.operands;
  if (i.modifiers.length !== 1 || i.operands.length !== 4) return false;
  const choose = (x: string, y: string) => `${w.predicate(p)} ? ${x} : ${y}`;
  if (BITS32.has(type)) w.setInt(d, choose(w.int(a), w.int(b)));
  else if (BITS16.has(type)) w.setHalf(d, choose(w.half(a), w.half(b)));
  else if (BITS64.has(type)) {
    const [x, y] = [w.wide(a), w.wide(b)];
    w.setWide(d, choose(x.low, y.low), choose(x.high, y.high));
  } else return false;
  return true;
};

/** cvta: an address of the shared window is its offset (high word 0), a global one is itself. */
export const cvta: LaneOperation = (w, i) => {
  const type = i.modifiers.at(-1);
  const space = i.modifiers.at(-2);
  const known = i.modifiers.length === 2 || (i.modifiers.length === 3 && i.modifiers[0] === 'to');
  if (!known || (space !== 'global' && space !== 'shared') || type !== 'u64') return false;
  const [d, a] = i.operands;
  const x = w.wide(a);
  w.setWide(d, x.low, x.high);
  return true;
};

const COMPARE: Readonly<Record<string, string>> = {
  eq: '===',
  ne: '!==',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};
const UNSIGNED: Readonly<Record<string, string>> = { lo: '<', ls: '<=', hi: '>', hs: '>=' };

function compare(w: LaneWriter, i: PtxInstruction, operator: string, type: string): string | undefined {
  const [, a, b] = i.operands;
  if (type === 'f32' || type === 'f16' || type === 'bf16') {
    const decode = type === 'f16' ? 'N.halfToFloat' : 'N.bfloatToFloat';
    const read = (operand: Operand | undefined) =>
      type === 'f32' ? w.float(operand) : `${decode}(${w.half(operand)})`;
    return compareFloats(operator, read(a), read(b));
  }
  const symbol = COMPARE[operator] ?? UNSIGNED[operator];
  if (symbol === undefined) return undefined;
  const signed = type.startsWith('s') && UNSIGNED[operator] === undefined;
  const plain = operator === 'eq' || operator === 'ne';
  if (BITS32.has(type)) {
    const [x, y] = [w.int(a), w.int(b)];
    return signed || plain ? `${x} ${symbol} ${y}` : `(${x} >>> 0) ${symbol} (${y} >>> 0)`;
  }
  if (BITS16.has(type)) {
    const [x, y] = [w.half(a), w.half(b)];
    return signed ? `((${x} << 16) >> 16) ${symbol} ((${y} << 16) >> 16)` : `${x} ${symbol} ${y}`;
  }
  if (!BITS64.has(type)) return undefined;
  const [x, y] = [w.wide(a), w.wide(b)];
  if (plain) {
    const equal = `(${x.low} === ${y.low} && ${x.high} === ${y.high})`;
    return operator === 'eq' ? equal : `!${equal}`;
  }
  const high = (v: string) => (signed ? v : `(${v} >>> 0)`);
  const strict = symbol[0];
  return `${x.high} === ${y.high} ? (${x.low} >>> 0) ${symbol} (${y.low} >>> 0) : ${high(x.high)} ${strict} ${high(y.high)}`;
}

/** Ordered comparisons are false with a NaN; the `u` forms true (PTX ISA 9.7.6.1). */
function compareFloats(operator: string, x: string, y: string): string | undefined {
  const ordered = COMPARE[operator];
  if (operator === 'num') return `${x} === ${x} && ${y} === ${y}`;
  if (operator === 'nan') return `${x} !== ${x} || ${y} !== ${y}`;
  if (operator === 'ne') return `${x} === ${x} && ${y} === ${y} && ${x} !== ${y}`;
  if (ordered !== undefined) return `${x} ${ordered} ${y}`;
  const plain = operator.endsWith('u') ? COMPARE[operator.slice(0, -1)] : undefined;
  return plain === undefined ? undefined : `${x} !== ${x} || ${y} !== ${y} || ${x} ${plain} ${y}`;
}

/** setp with an optional second result and an optional predicate to combine with (PTX ISA 9.7.6.2). */
export const setp: LaneOperation = (w, i) => {
  const modifiers = i.modifiers.filter((m) => m !== 'ftz');
  const [operator = '', ...rest] = modifiers;
  const type = rest.at(-1) ?? '';
  const combine = rest.length === 2 ? rest[0] : undefined;
  const joins: Readonly<Record<string, string>> = { and: '&', or: '|', xor: '^' };
  if (rest.length > 2 || (combine !== undefined && joins[combine] === undefined)) return false;
  if (i.modifiers.length !== modifiers.length && type !== 'f32') return false;
  if (i.operands.length !== (combine === undefined ? 3 : 4)) return false;
  const condition = compare(w, i, operator, type);
  if (condition === undefined) return false;
  const d = i.operands[0];
  const truth = w.temporary(`(${condition}) ? 1 : 0`);
  const other = combine === undefined ? '' : w.temporary(w.predicate(i.operands[3]));
  const joined = (x: string) => (combine === undefined ? x : `${x} ${joins[combine] ?? ''} ${other}`);
  if (d?.kind === 'pair') {
    w.setPredicate(d.first, joined(truth));
    w.setPredicate(d.second, joined(`(${truth} ^ 1)`));
  } else w.setPredicate(d, joined(truth));
  return true;
};

/** ld.param: the parameter block is the same for every thread. */
export function loadParameter(context: KernelContext): LaneOperation {
  return (w, i) => {
    const type = i.modifiers.at(-1) ?? '';
    const count = i.modifiers[1] === 'v2' ? 2 : i.modifiers[1] === 'v4' ? 4 : 1;
    if (i.modifiers.length !== (count === 1 ? 2 : 3)) return false;
    const [d, address] = i.operands;
    if (address?.kind !== 'address' || typeof address.base !== 'string') return false;
    const start = context.parameter(address.base);
    if (start === undefined) return w.fail(`unknown parameter ${address.base}`);
    const items = d?.kind === 'vector' ? d.items : d === undefined ? [] : [d];
    if (items.length !== count) return false;
    for (const [k, item] of items.entries()) {
      const size = BITS64.has(type) ? 8 : BITS32.has(type) ? 4 : BITS16.has(type) ? 2 : 1;
      const at = start + address.offset + k * size;
      const byte = `(P[${at >> 2}] >>> ${(at & 3) * 8})`;
      if (size === 8) w.setWide(item, `P[${at >> 2}]`, `P[${(at >> 2) + 1}]`);
      else if (size === 4) w.setInt(item, `P[${at >> 2}]`);
      else if (size === 2) w.setHalf(item, byte);
      else if (type === 'u8' || type === 'b8') setByte(w, item, `${byte} & 255`);
      else if (type === 's8') setByte(w, item, `(${byte} << 24) >> 24`);
      else return false;
    }
    return true;
  };
}

function setByte(w: LaneWriter, item: Operand, value: string): void {
  if (item.kind === 'register' && item.register.class === 'b32') w.setInt(item, value);
  else w.setHalf(item, value);
}
