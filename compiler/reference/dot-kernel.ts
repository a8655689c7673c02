/**
 * The bytes of a WebAssembly module that exports
 *
 *     dot(a, b, strideBytes, out)
 *
 * with a, b byte addresses of 2 and 4 rows of int16, `strideBytes` apart and as long (a multiple of 16, above 0). Writes
 * the 8 int32 dot products [2][4] to `out`. Memory is imported as env.memory. Assembled by hand because V8 offers no
 * SIMD integer multiply-add otherwise, and this is the whole of it. Opcodes: WebAssembly core specification 2.0, §5.4.
 */
export function dotKernelBytes(): Uint8Array<ArrayBuffer> {
  const aRows = 2;
  const bRows = 4;
  // Locals: 0…3 parameters, 4 the end of a's first row, then vectors.
  const [a, b, stride, out, end] = [0, 1, 2, 3, 4] as const;
  const accumulator = (i: number, j: number): number => 5 + i * bRows + j;
  const aVector = (i: number): number => 5 + aRows * bRows + i;
  const bVector = 5 + aRows * bRows + aRows;
  const body: number[] = [];
  const emit = (...bytes: number[]): void => void body.push(...bytes);

  // Addresses: row i of an operand starts at base + i * stride; multiplied out each time, the engine hoists it.
  const address = (base: number, row: number): void => {
    emit(...get(base));
    for (let i = 0; i < row; i++) emit(...get(stride), op.i32Add);
  };
  emit(...get(a), ...get(stride), op.i32Add, ...set(end));
  emit(op.loop, op.noResult);
  for (let i = 0; i < aRows; i++) {
    address(a, i);
    emit(...op.v128Load, ...set(aVector(i)));
  }
  for (let j = 0; j < bRows; j++) {
    address(b, j);
    emit(...op.v128Load, ...set(bVector));
    for (let i = 0; i < aRows; i++) {
      emit(...get(aVector(i)), ...get(bVector), ...op.dotI16x8, ...get(accumulator(i, j)), ...op.i32x4Add);
      emit(...set(accumulator(i, j)));
    }
  }
  for (const pointer of [a, b]) emit(...get(pointer), op.i32Const, 16, op.i32Add, ...set(pointer));
  emit(...get(a), ...get(end), op.i32LtU, op.branchIf, 0, op.end);
  for (let i = 0; i < aRows; i++) {
    for (let j = 0; j < bRows; j++) {
      emit(...get(out));
      for (let lane = 0; lane < 4; lane++) {
        emit(...get(accumulator(i, j)), ...op.i32x4Lane, lane);
        if (lane > 0) emit(op.i32Add);
      }
      emit(op.i32Store, 2, 4 * (i * bRows + j));
    }
  }
  emit(op.end);

  const vectors = aRows * bRows + aRows + 1;
  const code = [2, 1, type.i32, vectors, type.v128, ...body];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic, version 1
    ...section(1, [1, 0x60, 4, type.i32, type.i32, type.i32, type.i32, 0]), // one signature: (i32 x 4) -> ()
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 0, 1]), // memory of at least one page
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('dot'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

const type = { i32: 0x7f, v128: 0x7b } as const;
const op = {
  loop: 0x03,
  noResult: 0x40,
  branchIf: 0x0d,
  end: 0x0b,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32LtU: 0x49,
  i32Store: 0x36,
  v128Load: [0xfd, 0x00, 4, 0], // alignment 2^4, offset 0
  dotI16x8: [0xfd, 0xba, 0x01], // i32x4.dot_i16x8_s
  i32x4Add: [0xfd, 0xae, 0x01],
  i32x4Lane: [0xfd, 0x1b],
} as const;

const get = (local: number): readonly number[] => [0x20, local];
const set = (local: number): readonly number[] => [0x21, local];

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function text(name: string): number[] {
  return [name.length, ...Buffer.from(name, 'ascii')];
}
