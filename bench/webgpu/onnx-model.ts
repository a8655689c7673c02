/** What MatMulNBits holds: B as unsigned nibbles [N][K / block][block / 2], code 8 standing for zero, and f32 scales. */
export interface NBitsWeights {
  readonly n: number;
  readonly k: number;
  readonly block: number;
  readonly nibbles: Uint8Array;
  readonly scales: Float32Array;
}

/** An ONNX model of one MatMulNBits node, float activations `A` to float `Y`, written as the protobuf that ORT reads. */
export function matMulNBitsModel(
  { n, k, block, nibbles, scales }: NBitsWeights,
  accuracy: number,
): Uint8Array {
  const attributes: readonly (readonly [string, number])[] = [
    ['K', k],
    ['N', n],
    ['bits', 4],
    ['block_size', block],
    ['accuracy_level', accuracy],
  ];
  const node = message(
    ...['A', 'B', 'scales'].map((name) => text(1, name)),
    text(2, 'Y'),
    text(4, 'MatMulNBits'),
    ...attributes.map(([name, value]) => bytes(5, message(text(1, name), integer(3, value), integer(20, 2)))),
    text(7, 'com.microsoft'),
  );
  const blocks = k / block;
  const graph = message(
    bytes(1, node),
    text(2, 'linear'),
    bytes(5, tensor('B', uint8, [n, blocks, block / 2], nibbles)),
    bytes(5, tensor('scales', float32, [n * blocks], new Uint8Array(scales.buffer))),
    bytes(11, value('A', k)),
    bytes(12, value('Y', n)),
  );
  const opset = (domain: string, version: number) => message(text(1, domain), integer(2, version));
  return message(
    integer(1, 9),
    bytes(7, graph),
    bytes(8, opset('', 17)),
    bytes(8, opset('com.microsoft', 1)),
  );
}

const float32 = 1;
const uint8 = 2;

function tensor(name: string, type: number, shape: readonly number[], raw: Uint8Array): Uint8Array {
  return message(...shape.map((size) => integer(1, size)), integer(2, type), text(8, name), bytes(9, raw));
}

/** A float32 tensor of any number of rows. */
function value(name: string, columns: number): Uint8Array {
  const shape = message(bytes(1, text(2, 'M')), bytes(1, integer(1, columns)));
  return message(text(1, name), bytes(2, bytes(1, message(integer(1, float32), bytes(2, shape)))));
}

function message(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return message(varint(field * 8 + 2), varint(value.length), value);
}

function integer(field: number, value: number): Uint8Array {
  return message(varint(field * 8), varint(value));
}

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...digits, rest]);
    digits.push((rest % 128) | 128);
  }
}
