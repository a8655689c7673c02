import type { Operand, PtxInstruction } from '../parse/ptx-module.ts';
import type { LaneOperation } from './integer-operations.ts';
import type { LaneWriter, Wide } from './lane-writer.ts';

const FLOATS = new Set(['f32', 'f16', 'bf16']);
const INTEGERS = /^[su](8|16|32|64)$/;
const ROUNDINGS = new Set(['rn', 'rz', 'rm', 'rp', 'rna', 'rni', 'rzi', 'rmi', 'rpi']);

interface Conversion {
  readonly rounding: string;
  readonly ftz: boolean;
  readonly sat: boolean;
  readonly relu: boolean;
  readonly to: string;
  readonly from: string;
}

function conversionOf({ modifiers }: PtxInstruction): Conversion | undefined {
  const flags = modifiers.slice(0, -2);
  const [to = '', from = ''] = modifiers.slice(-2);
  const rounding = flags.find((m) => ROUNDINGS.has(m)) ?? '';
  const others = flags.filter((m) => !ROUNDINGS.has(m));
  if (others.some((m) => m !== 'ftz' && m !== 'sat' && m !== 'relu')) return undefined;
  const has = (flag: string) => others.includes(flag);
  return { rounding, ftz: has('ftz'), sat: has('sat'), relu: has('relu'), to, from };
}

/** A register of 16, 32 or 64 bits as two words; cvt may read a type from a wider register (PTX ISA 9.4.1). */
function source(w: LaneWriter, operand: Operand | undefined, bits: number): Wide {
  if (operand?.kind !== 'register') return { low: w.int(operand), high: '0' };
  const width = { pred: 0, b16: 16, b32: 32, b64: 64 }[operand.register.class];
  if (width < bits) w.fail(`${operand.register.name} is narrower than the type it is read as`);
  if (width === 64) return w.wide(operand);
  return { low: width === 16 ? w.half(operand) : w.int(operand), high: '0' };
}

/** Writes an integer result of `bits`, extended to the register's width as its type says. */
function target(w: LaneWriter, operand: Operand | undefined, type: string, value: Wide): void {
  const bits = Number(type.slice(1));
  const signed = type.startsWith('s');
  if (operand?.kind !== 'register') w.fail('the destination is not a register');
  const width = { pred: 0, b16: 16, b32: 32, b64: 64 }[operand.register.class];
  if (width < bits) w.fail(`${operand.register.name} is narrower than the result`);
  const low =
    bits >= 32
      ? value.low
      : signed
        ? `((${value.low}) << ${32 - bits}) >> ${32 - bits}`
        : `(${value.low}) & ${2 ** bits - 1}`;
  if (width === 64) {
    const word = w.temporary(`(${low}) | 0`);
    w.setWide(operand, word, bits === 64 ? value.high : signed ? `${word} >> 31` : '0');
  } else if (width === 32) w.setInt(operand, low);
  else w.setHalf(operand, low);
}

function integerToInteger(w: LaneWriter, i: PtxInstruction, c: Conversion): boolean {
  const bits = Number(c.from.slice(1));
  const signed = c.from.startsWith('s');
  const raw = source(w, i.operands[1], bits);
  const low = w.temporary(
    bits >= 32
      ? `${raw.low} | 0`
      : signed
        ? `(${raw.low} << ${32 - bits}) >> ${32 - bits}`
        : `${raw.low} & ${2 ** bits - 1}`,
  );
  const high = bits === 64 ? raw.high : signed ? `${low} >> 31` : '0';
  if (!c.sat) {
    target(w, i.operands[0], c.to, { low, high });
    return true;
  }
  if (bits === 64 || c.to.endsWith('64')) return false;
  const toBits = Number(c.to.slice(1));
  const least = c.to.startsWith('s') ? -(2 ** (toBits - 1)) : 0;
  const most = c.to.startsWith('s') ? 2 ** (toBits - 1) - 1 : 2 ** toBits - 1;
  const value = signed ? low : `(${low} >>> 0)`;
  target(w, i.operands[0], c.to, { low: `Math.min(Math.max(${value}, ${least}), ${most})`, high: '0' });
  return true;
}

/** The value of a float source as a JavaScript number. */
function floatSource(w: LaneWriter, operand: Operand | undefined, c: Conversion): string {
  if (c.from === 'f16') return `N.halfToFloat(${w.half(operand)})`;
  if (c.from === 'bf16') return `N.bfloatToFloat(${w.half(operand)})`;
  return c.ftz ? `N.flush(${w.float(operand)})` : w.float(operand);
}

function floatToInteger(w: LaneWriter, i: PtxInstruction, c: Conversion): boolean {
  const bits = Number(c.to.slice(1));
  const mode = { rni: 'rn', rzi: 'rz', rmi: 'rm', rpi: 'rp' }[c.rounding];
  if (mode === undefined) return false;
  const signed = c.to.startsWith('s');
  const x = floatSource(w, i.operands[1], c);
  if (bits === 64) {
    const value = w.temporary(`N.toInteger64(${x}, '${mode}', ${signed})`);
    w.setWide(i.operands[0], `N.lowWord(${value})`, `N.highWord(${value})`);
    return true;
  }
  const least = signed ? -(2 ** (bits - 1)) : 0;
  const most = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  target(w, i.operands[0], c.to, {
    low: `N.toIntegerClamped(${x}, '${mode}', ${least}, ${most})`,
    high: '0',
  });
  return true;
}

function integerToFloat(w: LaneWriter, i: PtxInstruction, c: Conversion): boolean {
  const bits = Number(c.from.slice(1));
  const signed = c.from.startsWith('s');
  if (!['rn', 'rz', 'rm', 'rp'].includes(c.rounding)) return false;
  const raw = source(w, i.operands[1], bits);
  let value: string;
  if (bits === 64) value = `N.integer64ToDouble(${raw.low}, ${raw.high}, ${signed})`;
  else if (bits === 32) value = signed ? raw.low : `(${raw.low} >>> 0)`;
  else value = signed ? `((${raw.low} << ${32 - bits}) >> ${32 - bits})` : `(${raw.low} & ${2 ** bits - 1})`;
  return storeFloat(w, i, c, value, c.rounding);
}

/** Rounds a double to the destination's format. */
function storeFloat(w: LaneWriter, i: PtxInstruction, c: Conversion, value: string, mode: string): boolean {
  const d = i.operands[0];
  let x = value;
  if (c.sat) x = `N.saturate(${x})`;
  if (c.relu) x = `N.clampNegative(${x})`;
  if (c.to === 'f16') w.setHalf(d, `N.floatToHalf(${x}, '${mode}')`);
  else if (c.to === 'bf16') w.setHalf(d, `N.floatToBfloat(${x}, '${mode}')`);
  else {
    const rounded = mode === 'rn' ? `Math.fround(${x})` : `N.roundToFormat(${x}, N.F32_FORMAT, '${mode}')`;
    w.setFloat(d, c.ftz ? `N.flush(${rounded})` : rounded);
  }
  return true;
}

function floatToFloat(w: LaneWriter, i: PtxInstruction, c: Conversion): boolean {
  const x = floatSource(w, i.operands[1], c);
  const integral = { rni: 'rn', rzi: 'rz', rmi: 'rm', rpi: 'rp' }[c.rounding];
  if (integral !== undefined) return storeFloat(w, i, c, `N.toIntegral(${x}, '${integral}')`, 'rn');
  const narrows = c.from === 'f32' && c.to !== 'f32';
  if (narrows && !['rn', 'rz'].includes(c.rounding)) return false;
  return storeFloat(w, i, c, x, c.rounding === '' ? 'rn' : c.rounding);
}

/** cvt.rn.f16x2.f32 d, a, b: a to the upper half, b to the lower (PTX ISA 9.7.9.21). */
function packed(w: LaneWriter, i: PtxInstruction, c: Conversion): boolean {
  const encode = { f16x2: 'N.floatToHalf', bf16x2: 'N.floatToBfloat' }[c.to];
  const [d, a, b] = i.operands;
  if (encode === undefined || c.from !== 'f32' || c.ftz || c.sat || !['rn', 'rz'].includes(c.rounding))
    return false;
  const one = (operand: Operand | undefined) =>
    `${encode}(${c.relu ? `N.clampNegative(${w.float(operand)})` : w.float(operand)}, '${c.rounding}')`;
  w.setInt(d, `${one(b)} | (${one(a)} << 16)`);
  return true;
}

/** cvt in all its scalar forms between integers, f16, bf16 and f32, and the packed f32 pairs. */
export const convert: LaneOperation = (w, i) => {
  const c = conversionOf(i);
  if (c === undefined) return false;
  if (c.to.endsWith('x2')) return i.operands.length === 3 && packed(w, i, c);
  if (i.operands.length !== 2) return false;
  const [toInteger, fromInteger] = [INTEGERS.test(c.to), INTEGERS.test(c.from)];
  if (toInteger && fromInteger) return c.rounding === '' && !c.ftz && !c.relu && integerToInteger(w, i, c);
  if (toInteger && FLOATS.has(c.from)) return floatToInteger(w, i, c);
  if (fromInteger && FLOATS.has(c.to)) return integerToFloat(w, i, c);
  if (FLOATS.has(c.to) && FLOATS.has(c.from)) return floatToFloat(w, i, c);
  return false;
};
