import type { Operand } from '../parse/ptx-module.ts';
import type { WarpOperation, WarpWriter } from './warp-operations.ts';

const SIZES: Readonly<Record<string, number>> = {
  b8: 1,
  u8: 1,
  s8: 1,
  b16: 2,
  u16: 2,
  s16: 2,
  f16: 2,
  bf16: 2,
  b32: 4,
  u32: 4,
  s32: 4,
  f32: 4,
  b64: 8,
  u64: 8,
  s64: 8,
};
/** Modifiers that steer caches only (PTX ISA 9.7.9.2, 9.7.9.8): read and dropped. */
const CACHE =
  /^(ca|cg|cs|lu|cv|wb|wt|nc|L1::(evict_normal|evict_unchanged|evict_first|evict_last|no_allocate)|L2::(evict_(last|normal|first)|cache_hint|64B|128B|256B))$/;
const SCOPES: Readonly<Record<string, number>> = { cta: 1, cluster: 2, gpu: 2, sys: 3 };

interface Access {
  readonly space: 'shared' | 'global' | 'generic';
  readonly semantics: 'weak' | 'relaxed' | 'acquire' | 'release' | 'acq_rel';
  readonly scope: number;
  readonly count: number;
  readonly type: string;
  readonly rest: readonly string[];
}

function accessOf(w: WarpWriter): Access {
  let space: Access['space'] = 'generic';
  let semantics: Access['semantics'] = 'weak';
  let scope = 0;
  let count = 1;
  const rest: string[] = [];
  const modifiers = w.instruction.modifiers;
  for (const m of modifiers.slice(0, -1)) {
    if (m === 'shared' || m === 'shared::cta') space = 'shared';
    else if (m === 'global') space = 'global';
    else if (m === 'relaxed' || m === 'acquire' || m === 'release' || m === 'acq_rel') semantics = m;
    else if (m === 'volatile') [semantics, scope] = ['relaxed', 3];
    else if (m === 'v2' || m === 'v4') count = Number(m[1]);
    else if (SCOPES[m] !== undefined) scope = SCOPES[m] ?? 0;
    else if (m !== 'weak' && !CACHE.test(m)) rest.push(m);
  }
  return { space, semantics, scope, count, type: modifiers.at(-1) ?? '', rest };
}

/** The address operand: plane of its register (or of its constant) and the constant offset. */
function addressOf(
  w: WarpWriter,
  operand: Operand | undefined,
  space: Access['space'],
): [plane: string, offset: number] {
  if (operand?.kind !== 'address') w.fail('the address is missing');
  const { base, offset } = operand;
  if (base === null || typeof base === 'string') {
    if (space !== 'shared') w.fail('only shared memory has constant addresses here');
    const start = base === null ? 0 : w.context.symbol(base);
    if (start === undefined) w.fail(`unknown symbol ${base}`);
    return [w.at(w.context.file.constant(start)), offset];
  }
  const isNarrow = base.class === 'b32' && space === 'shared';
  if (!isNarrow && base.class !== 'b64') w.fail(`${base.name} cannot hold an address of ${space} memory`);
  return [w.at(w.context.file.offset(base)), offset];
}

/** Planes of the data registers, a 64-bit one counting as two; narrow elements may sit in wider registers. */
function dataPlanes(w: WarpWriter, operand: Operand | undefined, access: Access): string[] {
  const size = SIZES[access.type] ?? 0;
  const items = w.items(operand);
  if (items.length !== access.count) w.fail(`expected ${access.count} registers, found ${items.length}`);
  return items.flatMap((item) => {
    if (item.kind === 'sink')
      return Array.from({ length: size === 8 ? 2 : 1 }, () => w.at(w.context.file.scratch()));
    if (item.kind === 'integer' && size === 8) {
      const words = [BigInt.asIntN(32, item.value), BigInt.asIntN(32, item.value >> 32n)];
      return words.map((word) => w.at(w.context.file.constant(Number(word))));
    }
    if (item.kind !== 'register') return [w.plane(item)];
    const { register } = item;
    const width = { pred: 0, b16: 2, b32: 4, b64: 8 }[register.class];
    // ld and st may use registers wider than the type (PTX ISA 9.4.1), of 32 bits at most for narrow ones here.
    if (size <= 2 ? width !== 2 && width !== 4 : width !== size)
      w.fail(`${register.name} is ${register.class}, the instruction wants ${size * 8} bits`);
    const at = w.context.file.offset(register);
    return size === 8 ? [w.at(at), w.at(at + 32)] : [w.at(at)];
  });
}

/** Runs one statement per memory space; a generic address is shared where its high word is zero. */
function inSpace(access: Access, plane: string, statement: (object: string, mask: string) => string): string {
  if (access.space === 'shared') return statement('S', 'g');
  if (access.space === 'global') return statement('G', 'g');
  const shared = statement('S', 'gs');
  const global = statement('G', 'gg');
  return `{ const gs = R.sharedLanes(g, ${plane}); const gg = g & ~gs; if (gs) ${shared} if (gg) ${global} }`;
}

function plainAccess(w: WarpWriter, access: Access, isStore: boolean): string | undefined {
  const size = SIZES[access.type];
  if (size === undefined || access.rest.length > 0) return undefined;
  const [first, second] = w.instruction.operands;
  const [data, address] = isStore ? [second, first] : [first, second];
  const [plane, offset] = addressOf(w, address, access.space);
  const planes = dataPlanes(w, data, access);
  if (size <= 2) {
    if (size * access.count > 8) return undefined;
    const name = isStore ? 'storeNarrow' : 'loadNarrow';
    const sign = isStore ? '' : `${access.type.startsWith('s')}, `;
    return inSpace(
      access,
      plane,
      (object, mask) =>
        `${object}.${name}(${w.index}, ${mask}, ${plane}, ${offset}, ${size}, ${sign}[${planes.join(', ')}]);`,
    );
  }
  if (planes.length > 4) return undefined;
  const padded = [...planes, ...planes, ...planes, ...planes].slice(0, 4).join(', ');
  const name = isStore ? 'store' : 'load';
  return inSpace(
    access,
    plane,
    (object, mask) =>
      `${object}.${name}(${w.index}, ${mask}, ${plane}, ${offset}, ${planes.length}, ${padded});`,
  );
}

function flags(access: Access, reads: boolean, writes: boolean, observes: boolean): string {
  const acquires = access.semantics === 'acquire' || access.semantics === 'acq_rel';
  const releases = access.semantics === 'release' || access.semantics === 'acq_rel';
  return `{ reads: ${reads}, writes: ${writes}, observes: ${observes}, scope: ${access.scope || 2}, acquires: ${acquires}, releases: ${releases} }`;
}

/** Relaxed, acquire, release and volatile scalar accesses of 32 bits. */
function strongAccess(w: WarpWriter, access: Access, isStore: boolean): string | undefined {
  if (SIZES[access.type] !== 4 || access.count !== 1 || access.rest.length > 0) return undefined;
  const [first, second] = w.instruction.operands;
  const [data, address] = isStore ? [second, first] : [first, second];
  const [plane, offset] = addressOf(w, address, access.space);
  const value = w.plane(data);
  const move = isStore ? `m[i] = I[${value} + l]` : `I[${value} + l] = m[i]`;
  const access_ = flags(access, !isStore, isStore, !isStore);
  return inSpace(
    access,
    plane,
    (object, mask) =>
      `${object}.strong(${w.index}, ${mask}, ${plane}, ${offset}, ${access_}, (l, m, i) => { ${move}; });`,
  );
}

function loadOrStore(isStore: boolean): WarpOperation {
  return (w) => {
    const access = accessOf(w);
    return access.semantics === 'weak' ? plainAccess(w, access, isStore) : strongAccess(w, access, isStore);
  };
}

/** New value of an atomic from `o` (old), `x`, `y`; all int32 (PTX ISA 9.7.13.5). */
const ATOMICS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  add: {
    u32: '(o + x) | 0',
    s32: '(o + x) | 0',
    f32: 'N.bitsOfFloat(Math.fround(N.floatOfBits(o) + N.floatOfBits(x)))',
  },
  min: { s32: 'Math.min(o, x)', u32: '(o >>> 0) < (x >>> 0) ? o : x' },
  max: { s32: 'Math.max(o, x)', u32: '(o >>> 0) > (x >>> 0) ? o : x' },
  and: { b32: 'o & x' },
  or: { b32: 'o | x' },
  xor: { b32: 'o ^ x' },
  exch: { b32: 'x' },
  cas: { b32: 'o === x ? y : o' },
  inc: { u32: '(o >>> 0) >= (x >>> 0) ? 0 : (o + 1) | 0' },
  dec: { u32: 'o === 0 || (o >>> 0) > (x >>> 0) ? x : (o - 1) | 0' },
};

/** atom and red on 32-bit words. Without `.sem` relaxed, without `.scope` gpu (PTX ISA 9.7.13.5). */
function atomic(returns: boolean): WarpOperation {
  return (w) => {
    const access = accessOf(w);
    const [name = '', ...others] = access.rest;
    const formula = ATOMICS[name]?.[access.type];
    if (formula === undefined || others.length > 0 || access.count !== 1) return undefined;
    const operands = w.instruction.operands;
    const [d, address, x, y] = returns ? operands : [undefined, ...operands];
    if ((name === 'cas') !== (y !== undefined)) return undefined;
    const [plane, offset] = addressOf(w, address, access.space);
    const result = d === undefined || d.kind === 'sink' ? '' : `I[${w.plane(d)} + l] = o;`;
    // nvcc writes atom for atomics whose result nobody wants.
    const isUsed = d?.kind === 'register' && w.context.isRead(d.register);
    const second = y === undefined ? '' : `const y = I[${w.plane(y)} + l];`;
    const move = `const o = m[i]; const x = I[${w.plane(x)} + l]; ${second} m[i] = ${formula}; ${result}`;
    return inSpace(
      access,
      plane,
      (object, mask) =>
        `${object}.strong(${w.index}, ${mask}, ${plane}, ${offset}, ${flags(access, true, true, isUsed)}, (l, m, i) => { ${move} });`,
    );
  };
}

const ldmatrix: WarpOperation = (w) => {
  const m = w.instruction.modifiers;
  const transposes = m.includes('trans');
  const rest = m.filter((x) => x !== 'trans').join('.');
  const match = /^sync\.aligned\.m8n8\.x([124])\.shared(?:::cta)?\.b16$/.exec(rest);
  if (match === null) return undefined;
  const [d, address] = w.instruction.operands;
  const [plane, offset] = addressOf(w, address, 'shared');
  const planes = w.planes(d, Number(match[1]));
  return `S.loadMatrix(${w.index}, ${plane}, ${offset}, ${transposes}, [${planes.join(', ')}]);`;
};

/** cp.async.{ca,cg}.shared.global [dst], [src], size {, src-size}; commit_group; wait_group N; wait_all. */
const cpAsync: WarpOperation = (w) => {
  const [async, kind, ...rest] = w.instruction.modifiers;
  const operands = w.instruction.operands;
  if (async !== 'async') return undefined;
  if (kind === 'commit_group') return rest.length === 0 ? 'A.commit(g);' : undefined;
  if (kind === 'wait_all') return rest.length === 0 ? 'A.wait(g, 0, true);' : undefined;
  if (kind === 'wait_group') {
    const [n] = operands;
    return n?.kind === 'integer' ? `A.wait(g, ${n.value}, false);` : undefined;
  }
  const spaces = rest.filter((m) => !CACHE.test(m)).join('.');
  if ((kind !== 'ca' && kind !== 'cg') || !/^shared(::cta)?\.global$/.test(spaces)) return undefined;
  const [to, from, size, sourceSize, ...more] = operands;
  if (size?.kind !== 'integer' || more.length > 0) return undefined;
  const bytes = Number(size.value);
  if (kind === 'cg' ? bytes !== 16 : ![4, 8, 16].includes(bytes)) return undefined;
  const [toPlane, toOffset] = addressOf(w, to, 'shared');
  const [fromPlane, fromOffset] = addressOf(w, from, 'global');
  const limit = sourceSize === undefined ? '-1' : w.plane(sourceSize);
  return `A.copy(${w.index}, g, ${toPlane}, ${toOffset}, ${fromPlane}, ${fromOffset}, ${bytes}, ${limit});`;
};

export const MEMORY_OPERATIONS: Readonly<Record<string, WarpOperation>> = {
  ld: loadOrStore(false),
  st: loadOrStore(true),
  atom: atomic(true),
  red: atomic(false),
  ldmatrix,
  cp: cpAsync,
};
