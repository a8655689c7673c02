import type { Operand, PtxInstruction } from '../parse/ptx-module.ts';
import type { LaneOperation } from './integer-operations.ts';
import type { LaneWriter } from './lane-writer.ts';

const ROUNDINGS = new Set(['rn', 'rz', 'rm', 'rp']);

interface FloatForm {
  readonly rounding: string;
  readonly ftz: boolean;
  readonly saturates: boolean;
  readonly approximate: boolean;
  readonly full: boolean;
  readonly nan: boolean;
  readonly relu: boolean;
  readonly type: string;
}

/** Reads `.rn.ftz.sat.f32` and the like; undefined when a modifier is none of these. */
function formOf({ modifiers }: PtxInstruction): FloatForm | undefined {
  const rest = modifiers.slice(0, -1);
  const rounding = rest.find((m) => ROUNDINGS.has(m)) ?? 'rn';
  const flags = rest.filter((m) => !ROUNDINGS.has(m));
  const known = ['ftz', 'sat', 'approx', 'full', 'NaN', 'relu'];
  if (flags.some((flag) => !known.includes(flag))) return undefined;
  return {
    rounding,
    ftz: flags.includes('ftz'),
    saturates: flags.includes('sat'),
    approximate: flags.includes('approx'),
    full: flags.includes('full'),
    nan: flags.includes('NaN'),
    relu: flags.includes('relu'),
    type: modifiers.at(-1) ?? '',
  };
}

const input = (w: LaneWriter, form: FloatForm, operand: Operand | undefined) =>
  form.ftz ? `N.flush(${w.float(operand)})` : w.float(operand);

function result(w: LaneWriter, form: FloatForm, operand: Operand | undefined, expression: string): void {
  const flushed = form.ftz ? `N.flush(${expression})` : expression;
  w.setFloat(operand, form.saturates ? `N.saturate(${flushed})` : flushed);
}

/** Formats of packed and scalar halves: how to decode, encode and round them. */
const HALVES: Readonly<
  Record<string, { readonly decode: string; readonly encode: string; readonly format: string }>
> = {
  f16: { decode: 'N.halfToFloat', encode: 'N.floatToHalf', format: 'N.F16_FORMAT' },
  bf16: { decode: 'N.bfloatToFloat', encode: 'N.floatToBfloat', format: 'N.BF16_FORMAT' },
};

/** Applies `formula` (over decoded values) to a scalar or to both halves of a packed register. */
function halves(
  w: LaneWriter,
  i: PtxInstruction,
  form: FloatForm,
  formula: (values: string[], format: string) => string,
): boolean {
  const packed = form.type.endsWith('x2');
  const kind = HALVES[packed ? form.type.slice(0, -2) : form.type];
  if (kind === undefined || form.ftz || form.rounding !== 'rn') return false;
  const finish = (values: string[]) => {
    let value = formula(values, kind.format);
    if (form.saturates) value = `N.saturate(${value})`;
    if (form.relu) value = `N.clampNegative(${value})`;
    return `${kind.encode}(${value})`;
  };
  const sources = i.operands.slice(1);
  if (!packed) {
    w.setHalf(i.operands[0], finish(sources.map((s) => `${kind.decode}(${w.half(s)})`)));
    return true;
  }
  const words = sources.map((s) => w.int(s));
  const low = finish(words.map((x) => `${kind.decode}(${x} & 65535)`));
  const high = finish(words.map((x) => `${kind.decode}(${x} >>> 16)`));
  w.setInt(i.operands[0], `${low} | (${high} << 16)`);
  return true;
}

function arithmetic(name: 'add' | 'sub' | 'mul'): LaneOperation {
  const operator = { add: '+', sub: '-', mul: '*' }[name];
  return (w, i) => {
    const form = formOf(i);
    if (form === undefined || i.operands.length !== 3) return false;
    const rounded = (x: string, y: string, format: string, mode: string) =>
      name === 'mul'
        ? `N.mulRounded(${x}, ${y}, ${format}, '${mode}')`
        : `N.addRounded(${x}, ${name === 'sub' ? `-${y}` : y}, ${format}, '${mode}')`;
    if (form.type !== 'f32')
      return halves(w, i, form, ([x = '', y = ''], format) => rounded(x, y, format, 'rn'));
    const [d, a, b] = i.operands;
    const [x, y] = [input(w, form, a), input(w, form, b)];
    if (form.rounding === 'rn') result(w, form, d, `Math.fround(${x} ${operator} (${y}))`);
    else result(w, form, d, rounded(x, `(${y})`, 'N.F32_FORMAT', form.rounding));
    return true;
  };
}

const fma: LaneOperation = (w, i) => {
  const form = formOf(i);
  if (form === undefined || i.operands.length !== 4) return false;
  if (form.type !== 'f32')
    return halves(w, i, form, ([x, y, z], format) => `N.fmaRounded(${x}, ${y}, ${z}, ${format}, 'rn')`);
  const [d, a, b, c] = i.operands;
  const values = [a, b, c].map((operand) => input(w, form, operand)).join(', ');
  if (form.rounding === 'rn') result(w, form, d, `N.fmaFloat(${values})`);
  else result(w, form, d, `N.fmaRounded(${values}, N.F32_FORMAT, '${form.rounding}')`);
  return true;
};

function extreme(name: 'min' | 'max'): LaneOperation {
  return (w, i) => {
    const form = formOf(i);
    if (form === undefined || i.operands.length !== 3) return false;
    const call = form.nan ? `Math.${name}` : `N.${name}Number`;
    if (form.type !== 'f32') return halves(w, i, form, ([x, y]) => `${call}(${x}, ${y})`);
    const [d, a, b] = i.operands;
    result(w, form, d, `${call}(${input(w, form, a)}, ${input(w, form, b)})`);
    return true;
  };
}

/** div, sqrt, rcp, rsqrt: exact with a rounding, or `.approx` with a seeded error inside the documented bound. */
function quotient(name: 'div' | 'rcp' | 'sqrt' | 'rsqrt'): LaneOperation {
  return (w, i) => {
    const form = formOf(i);
    if (form?.type !== 'f32') return false;
    const [d, ...sources] = i.operands;
    const values = sources.map((operand) => input(w, form, operand));
    const [x = '0', y = '0'] = values;
    if (form.approximate || form.full || name === 'rsqrt') {
      result(w, form, d, `N.approximate('${name}', R.seed, ${x}, ${y})`);
    } else if (form.rounding === 'rn') {
      const exact = { div: `${x} / ${y}`, rcp: `1 / ${x}`, sqrt: `Math.sqrt(${x})` }[name];
      result(w, form, d, `Math.fround(${exact})`);
    } else if (name === 'sqrt') result(w, form, d, `N.sqrtRounded(${x}, '${form.rounding}')`);
    else result(w, form, d, `N.divRounded(${name === 'rcp' ? `1, ${x}` : `${x}, ${y}`}, '${form.rounding}')`);
    return true;
  };
}

function approximation(name: string): LaneOperation {
  return (w, i) => {
    const form = formOf(i);
    if (form?.type !== 'f32' || !form.approximate) return false;
    const [d, a] = i.operands;
    result(w, form, d, `N.approximate('${name}', R.seed, ${input(w, form, a)}, 0)`);
    return true;
  };
}

/** neg and abs act on the sign bit, so NaN payloads and zeros keep their bits. */
function sign(name: 'neg' | 'abs'): LaneOperation {
  return (w, i) => {
    const form = formOf(i);
    const [d, a] = i.operands;
    const [word, half] = name === 'neg' ? ['^ 0x80000000', '^ 32768'] : ['& 0x7fffffff', '& 32767'];
    if (form?.type === 'f32') {
      if (form.ftz) w.setFloat(d, `N.flush(${name === 'neg' ? '-' : 'Math.abs'}(${w.float(a)}))`);
      else w.setInt(d, `${w.int(a)} ${word}`);
    } else if (form?.type === 'f16' || form?.type === 'bf16') w.setHalf(d, `${w.half(a)} ${half}`);
    else if (form?.type === 'f16x2' || form?.type === 'bf16x2')
      w.setInt(d, `${w.int(a)} ${name === 'neg' ? '^ 0x80008000' : '& 0x7fff7fff'}`);
    else return false;
    return true;
  };
}

/** copysign.f32 d, a, b: the magnitude of b with the sign of a (PTX ISA 9.7.3.2). */
const copysign: LaneOperation = (w, i) => {
  if (i.spelling !== 'copysign.f32') return false;
  const [d, a, b] = i.operands;
  w.setInt(d, `(${w.int(b)} & 0x7fffffff) | (${w.int(a)} & 0x80000000)`);
  return true;
};

const testp: LaneOperation = (w, i) => {
  const [test, type] = i.modifiers;
  if (type !== 'f32' || i.modifiers.length !== 2) return false;
  const x = w.float(i.operands[1]);
  const tests: Readonly<Record<string, string>> = {
    finite: `Number.isFinite(${x})`,
    infinite: `Math.abs(${x}) === Infinity`,
    number: `${x} === ${x}`,
    notanumber: `${x} !== ${x}`,
  };
  const condition = tests[test ?? ''];
  if (condition === undefined) return false;
  w.setPredicate(i.operands[0], condition);
  return true;
};

const FLOAT_TYPES = new Set(['f32', 'f16', 'bf16', 'f16x2', 'bf16x2']);

/** Whether an arithmetic instruction is one on floats. */
export function isFloatForm(i: PtxInstruction): boolean {
  return FLOAT_TYPES.has(i.modifiers.at(-1) ?? '');
}

export const FLOAT_OPERATIONS: Readonly<Record<string, LaneOperation>> = {
  add: arithmetic('add'),
  sub: arithmetic('sub'),
  mul: arithmetic('mul'),
  fma,
  mad: fma,
  min: extreme('min'),
  max: extreme('max'),
  div: quotient('div'),
  rcp: quotient('rcp'),
  sqrt: quotient('sqrt'),
  rsqrt: quotient('rsqrt'),
  ex2: approximation('ex2'),
  lg2: approximation('lg2'),
  sin: approximation('sin'),
  cos: approximation('cos'),
  tanh: approximation('tanh'),
  neg: sign('neg'),
  abs: sign('abs'),
  copysign,
  testp,
};
