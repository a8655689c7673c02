/** WebAssembly value types (core specification 5.3). */
const I32 = 0x7f;
const V128 = 0x7b;
const SIMD = 0xfd;

function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value >>> 0;
  do {
    const byte = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? byte : byte | 0x80);
  } while (rest !== 0);
  return out;
}

function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) return [...out, byte];
    out.push(byte | 0x80);
  }
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...unsigned(body.length), ...body];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
}

/** SIMD opcodes without immediates (core specification 5.4.8, sub-opcode after 0xfd). */
const VECTOR_OPS = {
  'i32x4.eq': 0x37,
  'i32x4.lt_s': 0x39,
  'i32x4.gt_s': 0x3b,
  'v128.and': 0x4e,
  'v128.andnot': 0x4f,
  'v128.or': 0x50,
  'v128.xor': 0x51,
  'v128.bitselect': 0x52,
  'v128.any_true': 0x53,
  'f32x4.demote_f64x2_zero': 0x5e,
  'f64x2.promote_low_f32x4': 0x5f,
  'i16x8.narrow_i32x4_s': 0x85,
  'i16x8.extend_low_i8x16_s': 0x87,
  'i16x8.extend_high_i8x16_s': 0x88,
  'i16x8.extend_low_i8x16_u': 0x89,
  'i16x8.extend_high_i8x16_u': 0x8a,
  'i16x8.shl': 0x8b,
  'i16x8.shr_s': 0x8c,
  'i16x8.add': 0x8e,
  'f64x2.nearest': 0x94,
  'i32x4.abs': 0xa0,
  'i32x4.extend_low_i16x8_u': 0xa9,
  'i32x4.extend_high_i16x8_u': 0xaa,
  'i32x4.shl': 0xab,
  'i32x4.shr_s': 0xac,
  'i32x4.shr_u': 0xad,
  'i32x4.add': 0xae,
  'i32x4.sub': 0xb1,
  'i32x4.max_s': 0xb8,
  'i32x4.dot_i16x8_s': 0xba,
  'i64x2.shr_u': 0xcd,
  'i64x2.sub': 0xd1,
  'i64x2.mul': 0xd5,
  'f32x4.mul': 0xe6,
  'f64x2.add': 0xf0,
  'f64x2.sub': 0xf1,
  'f64x2.mul': 0xf2,
  'f64x2.div': 0xf3,
  'f64x2.min': 0xf4,
  'f64x2.max': 0xf5,
  'i32x4.trunc_sat_f32x4_s': 0xf8,
  'f32x4.convert_i32x4_s': 0xfa,
} as const;

const SCALAR_OPS = {
  'i32.lt_u': 0x49,
  'i32.add': 0x6a,
  'i32.mul': 0x6c,
  'i32.and': 0x71,
  'i32.shl': 0x74,
  'i32.shr_u': 0x76,
} as const;

export type WasmOp = keyof typeof VECTOR_OPS | keyof typeof SCALAR_OPS;

/** A local variable of a function under construction. */
export interface Local {
  readonly index: number;
}

/** Builds one function: a stack machine written as chained calls, locals declared as they are needed. */
export class FunctionBuilder {
  readonly name: string;
  readonly parameters: number;
  readonly returnsFlag: boolean;
  private readonly code: number[] = [];
  private readonly locals: number[] = [];

  constructor(functionName: string, parameters: number, returnsFlag = false) {
    this.name = functionName;
    this.parameters = parameters;
    this.returnsFlag = returnsFlag;
  }

  parameter(index: number): Local {
    return { index };
  }

  int(): Local {
    this.locals.push(I32);
    return { index: this.parameters + this.locals.length - 1 };
  }

  vec(): Local {
    this.locals.push(V128);
    return { index: this.parameters + this.locals.length - 1 };
  }

  get(local: Local): this {
    this.code.push(0x20, ...unsigned(local.index));
    return this;
  }

  set(local: Local): this {
    this.code.push(0x21, ...unsigned(local.index));
    return this;
  }

  tee(local: Local): this {
    this.code.push(0x22, ...unsigned(local.index));
    return this;
  }

  const(value: number): this {
    this.code.push(0x41, ...signed(value));
    return this;
  }

  op(...ops: WasmOp[]): this {
    for (const op of ops) {
      if (op in SCALAR_OPS) this.code.push(SCALAR_OPS[op as keyof typeof SCALAR_OPS]);
      else this.code.push(SIMD, ...unsigned(VECTOR_OPS[op as keyof typeof VECTOR_OPS]));
    }
    return this;
  }

  /** Takes an address, gives the 16 bytes at address + offset. Alignment hints are 4 bytes: planes need no more. */
  load128(offset = 0): this {
    this.code.push(SIMD, 0x00, 2, ...unsigned(offset));
    return this;
  }

  /** Takes an address and a vector. */
  store128(offset = 0): this {
    this.code.push(SIMD, 0x0b, 2, ...unsigned(offset));
    return this;
  }

  /** Takes an address, gives its 4 bytes in all four lanes. */
  loadSplat32(offset = 0): this {
    this.code.push(SIMD, 0x09, 2, ...unsigned(offset));
    return this;
  }

  /** Takes an address, gives its 8 bytes in both lanes. */
  loadSplat64(offset = 0): this {
    this.code.push(SIMD, 0x0a, 3, ...unsigned(offset));
    return this;
  }

  /** Takes an address and a vector, stores one 32-bit lane. */
  storeLane32(lane: number, offset = 0): this {
    this.code.push(SIMD, 0x5a, 2, ...unsigned(offset), lane);
    return this;
  }

  /** A vector constant of four 32-bit lanes. */
  vectorConst(lane0: number, lane1 = lane0, lane2 = lane0, lane3 = lane0): this {
    const bytes = new Uint8Array(new Int32Array([lane0, lane1, lane2, lane3]).buffer);
    this.code.push(SIMD, 0x0c, ...bytes);
    return this;
  }

  /** A vector constant of the same float64 twice. */
  vectorConst64(value: number): this {
    this.code.push(SIMD, 0x0c, ...new Uint8Array(new Float64Array([value, value]).buffer));
    return this;
  }

  /** Picks four 32-bit lanes out of two vectors (0-3 the first, 4-7 the second). */
  shuffle32(...lanes: [number, number, number, number]): this {
    this.code.push(SIMD, 0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)));
    return this;
  }

  /** Runs `body` with `counter` = 0, step, 2*step, ... below `end`; with 0 in any case. */
  loop(counter: Local, end: number, step: number, body: () => void): this {
    this.const(0).set(counter);
    this.code.push(0x03, 0x40);
    body();
    this.get(counter).const(step).op('i32.add').tee(counter).const(end).op('i32.lt_u');
    this.code.push(0x0d, 0, 0x0b);
    return this;
  }

  /** Runs `body`, then adds 1 to `counter`, while it is below `end`; at least once. The caller sets where it starts. */
  countUpTo(counter: Local, end: Local, body: () => void): this {
    this.code.push(0x03, 0x40);
    body();
    this.get(counter).const(1).op('i32.add').tee(counter).get(end).op('i32.lt_u');
    this.code.push(0x0d, 0, 0x0b);
    return this;
  }

  /** Takes a condition; when it is not zero, returns 1. */
  returnFlagIf(): this {
    this.code.push(0x04, 0x40, ...[0x41, 1], 0x0f, 0x0b);
    return this;
  }

  body(): number[] {
    const declared = vector(this.locals.map((type) => [1, type]));
    const bytes = [...declared, ...this.code, ...(this.returnsFlag ? [0x41, 0] : []), 0x0b];
    return [...unsigned(bytes.length), ...bytes];
  }

  signature(): number[] {
    const results = this.returnsFlag ? [1, I32] : [0];
    return [0x60, ...unsigned(this.parameters), ...new Array<number>(this.parameters).fill(I32), ...results];
  }
}

/** A module that imports its memory as `host.memory` and exports every function by name. */
export function encodeModule(functions: readonly FunctionBuilder[]): Uint8Array {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(functions.map((f) => f.signature()))),
    ...section(2, vector([[...name('host'), ...name('memory'), 0x02, 0x00, 0x01]])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map((f, i) => [...name(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(functions.map((f) => f.body()))),
  ]);
}
