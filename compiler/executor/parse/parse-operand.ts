import { type Operand, PtxFault, type Register } from './ptx-module.ts';

/** Finds a register by its spelling in the scopes open at this point. */
export type RegisterLookup = (name: string) => Register | undefined;

const SPECIAL =
  /^%(tid|ntid|ctaid|nctaid)\.[xyz]$|^%(laneid|warpid|nwarpid|lanemask_(eq|le|lt|ge|gt)|clock|clock64|smid|dynamic_smem_size|total_smem_size)$/;
const INTEGER = /^-?(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?$/;

/** Splits `a, {b, c}, [d+4]` at the top-level commas. */
export function splitOperands(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const c of text) {
    if (c === '{' || c === '[') depth += 1;
    if (c === '}' || c === ']') depth -= 1;
    if (c === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else {
      part += c;
    }
  }
  if (part.trim() !== '') parts.push(part.trim());
  return parts;
}

function parseInteger(text: string): bigint {
  const plain = text.replace(/U$/, '');
  return plain.startsWith('-') ? -BigInt(plain.slice(1)) : BigInt(plain);
}

function parseAddress(inner: string, line: number, find: RegisterLookup): Operand {
  const match = /^\s*([^+\s-][^+\s-]*)?\s*(?:([+-])\s*(-?\s*\w+))?\s*$/.exec(inner);
  if (match === null) throw new PtxFault(line, `cannot read the address [${inner}]`);
  const [, baseText, sign, offsetText] = match;
  const magnitude = offsetText === undefined ? 0 : Number(parseInteger(offsetText.replace(/\s/g, '')));
  const offset = sign === '-' ? -magnitude : magnitude;
  if (baseText === undefined) throw new PtxFault(line, `an address without a base: [${inner}]`);
  if (INTEGER.test(baseText))
    return { kind: 'address', base: null, offset: Number(parseInteger(baseText)) + offset };
  const register = find(baseText);
  if (register !== undefined) return { kind: 'address', base: register, offset };
  if (baseText.startsWith('%')) throw new PtxFault(line, `unknown register ${baseText}`);
  return { kind: 'address', base: baseText, offset };
}

/** Parses one operand (PTX ISA 6). `isBranch` tells a branch target from a variable's name. */
export function parseOperand(text: string, line: number, find: RegisterLookup, isBranch: boolean): Operand {
  if (text === '_') return { kind: 'sink' };
  if (text.startsWith('{')) {
    const items = splitOperands(text.slice(1, -1)).map((item) => parseOperand(item, line, find, false));
    return { kind: 'vector', items };
  }
  if (text.startsWith('[')) return parseAddress(text.slice(1, -1), line, find);
  if (text.includes('|')) {
    const [first = '', second = ''] = text.split('|');
    return {
      kind: 'pair',
      first: parseOperand(first.trim(), line, find, false),
      second: parseOperand(second.trim(), line, find, false),
    };
  }
  const negated = text.startsWith('!');
  const name = negated ? text.slice(1).trim() : text;
  const register = find(name);
  if (register !== undefined) return { kind: 'register', register, negated };
  if (/^0[fF][0-9a-fA-F]{8}$/.test(text))
    return { kind: 'float', bits: Number.parseInt(text.slice(2), 16) | 0 };
  if (INTEGER.test(text)) return { kind: 'integer', value: parseInteger(text) };
  if (SPECIAL.test(text)) return { kind: 'special', name: text };
  if (isBranch) return { kind: 'label', name: text };
  const symbol = /^([A-Za-z_$][\w$]*)(?:\+(\d+))?$/.exec(text);
  if (symbol?.[1] !== undefined) return { kind: 'symbol', name: symbol[1], offset: Number(symbol[2] ?? 0) };
  throw new PtxFault(line, `operand not known to the executor: ${text}`);
}
