import { assert } from '../support/assert.ts';
import { dotKernelBytes } from './dot-kernel.ts';

/** Rows of int16 codes, `stride` codes apart, both multiples of 8; rows a multiple of 4. Padding is 0. */
export interface CodeRows {
  readonly rows: number;
  readonly stride: number;
  readonly codes: Int16Array;
}

/** Zeroed {@link CodeRows} for `rows` rows of `columns` codes. */
export function makeCodeRows(rows: number, columns: number): CodeRows {
  const padded = (rows + 3) & ~3;
  const stride = (columns + 7) & ~7;
  return { rows: padded, stride, codes: new Int16Array(padded * stride) };
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What is used of the WebAssembly API: neither es2023 nor @types/node 20 declares it. */
interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
}

interface Engine {
  readonly memory: Memory;
  readonly dot: (a: number, b: number, strideBytes: number, out: number) => void;
}
let engine: Engine | undefined;

function startEngine(): Engine {
  const api = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
  const memory = new api.Memory({ initial: 1 });
  const instance = new api.Instance(new api.Module(dotKernelBytes()), { env: { memory } });
  const dot = instance.exports['dot'];
  assert(typeof dot === 'function', 'the dot kernel exports dot');
  return { memory, dot: dot as Engine['dot'] };
}

/**
 * The exact int32 product acc[n][m] = sum over k of a[n][k] * b[m][k], row-major over (n, m), wrapping at 2^32 like the
 * tensor core without saturation: 2 x 4 dot products at a time in WebAssembly SIMD.
 */
export function integerProduct(a: CodeRows, b: CodeRows): Int32Array {
  assert(a.stride === b.stride, 'operands have equal K');
  engine ??= startEngine();
  const { memory, dot } = engine;
  const strideBytes = a.stride * 2;
  const bStart = a.rows * strideBytes;
  const outStart = bStart + b.rows * strideBytes;
  const missing = outStart + 32 - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
  const bytes = memory.buffer;
  new Int16Array(bytes, 0, a.codes.length).set(a.codes);
  new Int16Array(bytes, bStart, b.codes.length).set(b.codes);
  const sums = new Int32Array(bytes, outStart, 8);
  const product = new Int32Array(a.rows * b.rows);
  if (a.stride === 0) return product;
  for (let n = 0; n < a.rows; n += 2) {
    for (let m = 0; m < b.rows; m += 4) {
      dot(n * strideBytes, bStart + m * strideBytes, strideBytes, outStart);
      const at = n * b.rows + m;
      for (let j = 0; j < 4; j++) {
        product[at + j] = sums[j] ?? 0;
        product[at + b.rows + j] = sums[4 + j] ?? 0;
      }
    }
  }
  return product;
}
