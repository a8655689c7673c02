import type { PtxInstruction } from '../parse/ptx-module.ts';
import type { LaneWriter, Wide } from './lane-writer.ts';

/** Writes one lane-local instruction. False: these modifiers are not known. */
export type LaneOperation = (w: LaneWriter, instruction: PtxInstruction) => boolean;

const TYPES32 = new Set(['s32', 'u32', 'b32']);
const TYPES64 = new Set(['s64', 'u64', 'b64']);
const TYPES16 = new Set(['s16', 'u16', 'b16']);

/** The instruction's only modifier, its type; undefined when there are others. */
function onlyType({ modifiers }: PtxInstruction): string | undefined {
  return modifiers.length === 1 ? modifiers[0] : undefined;
}

const unsignedOf = (x: string) => `(${x} >>> 0)`;

/** A 16-bit operand as its type means it. */
function half(w: LaneWriter, i: PtxInstruction, index: number, type: string): string {
  const value = w.half(i.operands[index]);
  return type === 's16' ? `((${value} << 16) >> 16)` : value;
}

function binary(
  narrow: (a: string, b: string) => string,
  wide: (a: Wide, b: Wide, w: LaneWriter) => readonly [string, string],
): LaneOperation {
  return (w, i) => {
    const type = onlyType(i);
    const [d, a, b] = i.operands;
    if (type === undefined || i.operands.length !== 3) return false;
    if (TYPES32.has(type)) w.setInt(d, narrow(w.int(a), w.int(b)));
    else if (TYPES16.has(type)) w.setHalf(d, narrow(half(w, i, 1, type), half(w, i, 2, type)));
    else if (TYPES64.has(type)) w.setWide(d, ...wide(w.wide(a), w.wide(b), w));
    else return false;
    return true;
  };
}

const add: LaneOperation = binary(
  (a, b) => `${a} + ${b}`,
  (a, b, w) => {
    const low = w.temporary(`(${a.low} + ${b.low}) | 0`);
    return [low, `${a.high} + ${b.high} + (${unsignedOf(low)} < ${unsignedOf(a.low)} ? 1 : 0)`];
  },
);

const sub: LaneOperation = binary(
  (a, b) => `${a} - ${b}`,
  (a, b) => [
    `${a.low} - ${b.low}`,
    `${a.high} - ${b.high} - (${unsignedOf(a.low)} < ${unsignedOf(b.low)} ? 1 : 0)`,
  ],
);

function bitwise(operator: string): LaneOperation {
  const words = binary(
    (a, b) => `${a} ${operator} ${b}`,
    (a, b) => [`${a.low} ${operator} ${b.low}`, `${a.high} ${operator} ${b.high}`],
  );
  return (w, i) => {
    if (onlyType(i) !== 'pred') return words(w, i);
    w.setPredicate(i.operands[0], `${w.predicate(i.operands[1])} ${operator} ${w.predicate(i.operands[2])}`);
    return true;
  };
}

const not: LaneOperation = (w, i) => {
  const [d, a] = i.operands;
  const type = onlyType(i);
  if (type === 'pred') w.setPredicate(d, `${w.predicate(a)} ^ 1`);
  else if (type === 'b32') w.setInt(d, `~${w.int(a)}`);
  else if (type === 'b16') w.setHalf(d, `~${w.half(a)}`);
  else if (type === 'b64') {
    const x = w.wide(a);
    w.setWide(d, `~${x.low}`, `~${x.high}`);
  } else return false;
  return true;
};

/** mul and mad (PTX ISA 9.7.1.3-4): .lo, .hi, .wide. */
function multiply(addend: boolean): LaneOperation {
  return (w, i) => {
    const [part = '', type = ''] = i.modifiers;
    const [d, a, b, c] = i.operands;
    if (i.modifiers.length !== 2 || i.operands.length !== (addend ? 4 : 3)) return false;
    const signed = type.startsWith('s');
    if (part === 'wide' && (type === 's32' || type === 'u32')) {
      const [x, y] = [w.int(a), w.int(b)];
      const low = w.temporary(`Math.imul(${x}, ${y})`);
      const high = `N.mulHigh${signed ? 'Signed' : 'Unsigned'}(${x}, ${y})`;
      if (!addend) w.setWide(d, low, high);
      else {
        const z = w.wide(c);
        const sum = w.temporary(`(${low} + ${z.low}) | 0`);
        w.setWide(d, sum, `${high} + ${z.high} + (${unsignedOf(sum)} < ${unsignedOf(low)} ? 1 : 0)`);
      }
    } else if (part === 'wide' && (type === 's16' || type === 'u16')) {
      const product = `Math.imul(${half(w, i, 1, type)}, ${half(w, i, 2, type)})`;
      w.setInt(d, addend ? `${product} + ${w.int(c)}` : product);
    } else if (part === 'lo' && TYPES32.has(type)) {
      const product = `Math.imul(${w.int(a)}, ${w.int(b)})`;
      w.setInt(d, addend ? `${product} + ${w.int(c)}` : product);
    } else if (part === 'hi' && TYPES32.has(type)) {
      const high = `N.mulHigh${signed ? 'Signed' : 'Unsigned'}(${w.int(a)}, ${w.int(b)})`;
      w.setInt(d, addend ? `${high} + ${w.int(c)}` : high);
    } else if (part === 'lo' && TYPES16.has(type)) {
      const product = `Math.imul(${w.half(a)}, ${w.half(b)})`;
      w.setHalf(d, addend ? `${product} + ${w.half(c)}` : product);
    } else if (part === 'lo' && TYPES64.has(type)) {
      const [x, y] = [w.wide(a), w.wide(b)];
      const low = w.temporary(`Math.imul(${x.low}, ${y.low})`);
      const cross = `Math.imul(${x.low}, ${y.high}) + Math.imul(${x.high}, ${y.low})`;
      const high = `(N.mulHighUnsigned(${x.low}, ${y.low}) + ${cross}) | 0`;
      if (!addend) w.setWide(d, low, high);
      else {
        const z = w.wide(c);
        const sum = w.temporary(`(${low} + ${z.low}) | 0`);
        w.setWide(d, sum, `${high} + ${z.high} + (${unsignedOf(sum)} < ${unsignedOf(low)} ? 1 : 0)`);
      }
    } else if (part === 'hi' && TYPES64.has(type) && !addend) {
      big(w, i, `(x * y) >> 64n`, signed);
    } else return false;
    return true;
  };
}

/** 64-bit operations rare enough for BigInt: `formula` over x and y. */
function big(w: LaneWriter, i: PtxInstruction, formula: string, signed: boolean): void {
  const [d, a, b] = i.operands;
  const [x, y] = [w.wide(a), w.wide(b)];
  const join = signed ? 'N.joinSigned' : 'N.joinUnsigned';
  const name = w.temporary(
    `((x, y) => ${formula})(${join}(${x.low}, ${x.high}), ${join}(${y.low}, ${y.high}))`,
  );
  w.setWide(d, `N.lowWord(${name})`, `N.highWord(${name})`);
}

function divide(isRemainder: boolean): LaneOperation {
  return (w, i) => {
    const type = onlyType(i) ?? '';
    const [d, a, b] = i.operands;
    const operator = isRemainder ? '%' : '/';
    // Division by zero is unspecified in PTX; the hardware's sequences give all ones, or the dividend.
    if (type === 'u32') {
      const y = w.int(b);
      const x = w.int(a);
      w.setInt(d, `${y} === 0 ? ${isRemainder ? x : -1} : ${unsignedOf(x)} ${operator} ${unsignedOf(y)}`);
    } else if (type === 's32') {
      const y = w.int(b);
      const x = w.int(a);
      w.setInt(d, `${y} === 0 ? ${isRemainder ? x : -1} : ${x} ${operator} ${y}`);
    } else if (type === 'u16' || type === 's16') {
      const [x, y] = [half(w, i, 1, type), half(w, i, 2, type)];
      w.setHalf(d, `${y} === 0 ? ${isRemainder ? x : -1} : ${x} ${operator} ${y}`);
    } else if (type === 'u64' || type === 's64')
      big(w, i, `y === 0n ? ${isRemainder ? 'x' : '-1n'} : x ${operator} y`, type === 's64');
    else return false;
    return true;
  };
}

function extreme(isMax: boolean): LaneOperation {
  const operator = isMax ? '>' : '<';
  return (w, i) => {
    const type = onlyType(i) ?? '';
    const [d, a, b] = i.operands;
    if (type === 's32') w.setInt(d, `${w.int(a)} ${operator} ${w.int(b)} ? ${w.int(a)} : ${w.int(b)}`);
    else if (type === 'u32') {
      const [x, y] = [w.int(a), w.int(b)];
      w.setInt(d, `${unsignedOf(x)} ${operator} ${unsignedOf(y)} ? ${x} : ${y}`);
    } else if (type === 's16' || type === 'u16') {
      const [x, y] = [half(w, i, 1, type), half(w, i, 2, type)];
      w.setHalf(d, `${x} ${operator} ${y} ? ${x} : ${y}`);
    } else if (type === 's64' || type === 'u64') big(w, i, `x ${operator} y ? x : y`, type === 's64');
    else return false;
    return true;
  };
}

const absolute: LaneOperation = (w, i) => {
  if (onlyType(i) !== 's32') return false;
  const x = w.int(i.operands[1]);
  w.setInt(i.operands[0], `${x} < 0 ? -${x} : ${x}`);
  return true;
};

const negate: LaneOperation = (w, i) => {
  const [d, a] = i.operands;
  const type = onlyType(i);
  if (type === 's32') w.setInt(d, `-${w.int(a)}`);
  else if (type === 's16') w.setHalf(d, `-${w.half(a)}`);
  else if (type === 's64') {
    const x = w.wide(a);
    w.setWide(d, `-${x.low}`, `~${x.high} + (${x.low} === 0 ? 1 : 0)`);
  } else return false;
  return true;
};

/** shl, shr (PTX ISA 9.7.8.8-9): amounts past the width give zeros, or sign bits. */
function shift(isLeft: boolean): LaneOperation {
  return (w, i) => {
    const type = onlyType(i) ?? '';
    const [d, a, b] = i.operands;
    const amount = w.int(b);
    const signed = type.startsWith('s') && !isLeft;
    const fixed = b?.kind === 'integer' ? Number(b.value) : -1;
    if (TYPES32.has(type)) {
      const x = w.int(a);
      const operator = isLeft ? '<<' : signed ? '>>' : '>>>';
      const past = signed ? `${x} >> 31` : '0';
      if (fixed >= 0 && fixed < 32) w.setInt(d, `${x} ${operator} ${fixed}`);
      else w.setInt(d, `${unsignedOf(amount)} > 31 ? ${past} : ${x} ${operator} ${amount}`);
    } else if (TYPES16.has(type)) {
      const x = half(w, i, 1, type);
      w.setHalf(
        d,
        `${unsignedOf(amount)} > 15 ? ${signed ? `${x} >> 15` : '0'} : ${x} ${isLeft ? '<<' : '>>'} ${amount}`,
      );
    } else if (TYPES64.has(type)) {
      const x = w.wide(a);
      const name = isLeft ? 'shiftLeft' : signed ? 'shiftRightSigned' : 'shiftRight';
      w.setWide(
        d,
        `N.${name}Low(${x.low}, ${x.high}, ${amount})`,
        `N.${name}High(${x.low}, ${x.high}, ${amount})`,
      );
    } else return false;
    return true;
  };
}

/** shf.l / shf.r over the pair {a low, b high} (PTX ISA 9.7.8.7). */
const funnel: LaneOperation = (w, i) => {
  const [side, mode, type] = i.modifiers;
  const [d, a, b, c] = i.operands;
  if (i.modifiers.length !== 3 || type !== 'b32' || (mode !== 'wrap' && mode !== 'clamp')) return false;
  if (side !== 'l' && side !== 'r') return false;
  w.setInt(
    d,
    `N.funnel${side === 'l' ? 'Left' : 'Right'}(${w.int(a)}, ${w.int(b)}, ${w.int(c)}, ${mode === 'wrap'})`,
  );
  return true;
};

function call32(name: string, types: ReadonlySet<string>, operands: number): LaneOperation {
  return (w, i) => {
    const type = onlyType(i);
    if (type === undefined || !types.has(type) || i.operands.length !== operands + 1) return false;
    const values = i.operands.slice(1).map((operand) => w.int(operand));
    w.setInt(i.operands[0], `N.${name}${type.startsWith('s') ? 'Signed' : ''}(${values.join(', ')})`);
    return true;
  };
}

const B32 = new Set(['b32']);

const count: (name: string) => LaneOperation = (name) => (w, i) => {
  const type = onlyType(i);
  const [d, a] = i.operands;
  if (type === 'b32') w.setInt(d, `N.${name}(${w.int(a)})`);
  else if (type === 'b64') {
    const x = w.wide(a);
    w.setInt(d, `N.${name}Wide(${x.low}, ${x.high})`);
  } else return false;
  return true;
};

const bfind: LaneOperation = (w, i) => {
  const isShift = i.modifiers[0] === 'shiftamt';
  const type = i.modifiers.at(-1);
  if (i.modifiers.length !== (isShift ? 2 : 1) || (type !== 'u32' && type !== 's32')) return false;
  const x = w.int(i.operands[1]);
  const bits = type === 's32' ? `(${x} < 0 ? ~${x} : ${x})` : x;
  w.setInt(i.operands[0], `N.findTop(${bits}, ${isShift})`);
  return true;
};

/** lop3 (PTX ISA 9.7.8.6): the table's bit 4a+2b+c is the result for those input bits. */
const lop3: LaneOperation = (w, i) => {
  const [d, a, b, c, table] = i.operands;
  if (onlyType(i) !== 'b32' || table?.kind !== 'integer') return false;
  const lut = Number(table.value);
  const [x, y, z] = [w.int(a), w.int(b), w.int(c)];
  const terms: string[] = [];
  for (let k = 0; k < 8; k += 1) {
    if (((lut >> k) & 1) === 0) continue;
    terms.push(`(${k & 4 ? x : `~${x}`} & ${k & 2 ? y : `~${y}`} & ${k & 1 ? z : `~${z}`})`);
  }
  w.setInt(d, terms.length === 0 ? '0' : terms.join(' | '));
  return true;
};

const prmt: LaneOperation = (w, i) => {
  const [type, mode] = i.modifiers;
  if (type !== 'b32' || mode !== undefined) return false;
  const [d, a, b, c] = i.operands;
  w.setInt(d, `N.permute(${w.int(a)}, ${w.int(b)}, ${w.int(c)})`);
  return true;
};

/** dp4a (PTX ISA 9.7.1.23). */
const dp4a: LaneOperation = (w, i) => {
  const [aType, bType] = i.modifiers;
  const [d, a, b, c] = i.operands;
  const known = (type: string | undefined) => type === 's32' || type === 'u32';
  if (i.modifiers.length !== 2 || !known(aType) || !known(bType)) return false;
  w.setInt(d, `N.dot4(${w.int(a)}, ${w.int(b)}, ${w.int(c)}, ${aType === 's32'}, ${bType === 's32'})`);
  return true;
};

const sad: LaneOperation = (w, i) => {
  const type = onlyType(i);
  const [d, a, b, c] = i.operands;
  if (type !== 'u32' && type !== 's32') return false;
  const [x, y] = type === 'u32' ? [unsignedOf(w.int(a)), unsignedOf(w.int(b))] : [w.int(a), w.int(b)];
  w.setInt(d, `${w.int(c)} + Math.abs(${x} - ${y})`);
  return true;
};

/** bfe (PTX ISA 9.7.1.19). */
const bfe: LaneOperation = call32('extractField', new Set(['u32', 's32']), 3);

export const INTEGER_OPERATIONS: Readonly<Record<string, LaneOperation>> = {
  add,
  sub,
  and: bitwise('&'),
  or: bitwise('|'),
  xor: bitwise('^'),
  not,
  mul: multiply(false),
  mad: multiply(true),
  div: divide(false),
  rem: divide(true),
  min: extreme(false),
  max: extreme(true),
  abs: absolute,
  neg: negate,
  shl: shift(true),
  shr: shift(false),
  shf: funnel,
  bfe,
  bfi: call32('insertField', B32, 4),
  popc: count('popcount'),
  clz: count('leadingZeros'),
  brev: call32('reverseBits', B32, 1),
  bfind,
  lop3,
  prmt,
  dp4a,
  sad,
};
