import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import {
  type Decode,
  decodeBf16,
  decodeF16,
  decodeF32,
  decodeF64,
  decodeQ4_0,
  decodeQ4_1,
  decodeQ5_0,
  decodeQ5_1,
  decodeQ8_0,
} from './decode-blocks.ts';
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './decode-super-blocks.ts';
import type { StoredTensor } from './stored-tensor.ts';

const decoders: ReadonlyMap<string, Decode> = new Map([
  ['F64', decodeF64],
  ['F32', decodeF32],
  ['F16', decodeF16],
  ['BF16', decodeBf16],
  ['Q8_0', decodeQ8_0],
  ['Q4_0', decodeQ4_0],
  ['Q4_1', decodeQ4_1],
  ['Q5_0', decodeQ5_0],
  ['Q5_1', decodeQ5_1],
  ['Q2_K', decodeQ2_K],
  ['Q3_K', decodeQ3_K],
  ['Q4_K', decodeQ4_K],
  ['Q5_K', decodeQ5_K],
  ['Q6_K', decodeQ6_K],
]);

/** 8 GiB of float32. The largest published weight, LLaMA-3-405B's embedding, has 128256 x 16384, just less. */
const mostElements = 2 ** 31;

/**
 * The values of a tensor as float32, row-major. Exact for F32, F16 and BF16; quantised
 * formats are computed in float32 as ggml does. Faults: QK150 the file cannot be read, QK156 no decoder for the format,
 * QK158 too many values, QK160 a value that is not finite. Takes the tensor's bytes and four times its elements.
 */
export function readFloats(tensor: StoredTensor): Result<Float32Array, Diagnostic> {
  const { source, name, format, offset, bytes } = tensor;
  const decode = decoders.get(format.name);
  if (decode === undefined) {
    const message = `the values of ${quoteText(name)} are ${format.name}`;
    const expected = [...decoders.keys()].join(', ');
    return fail(diagnose('QK156', { file: source.file, message, expected }));
  }
  const elements = (bytes / format.bytes) * format.elements;
  if (elements > mostElements) {
    const message = `${quoteText(name)} has ${elements} values; quikc reads up to ${mostElements} at once`;
    return fail(diagnose('QK158', { file: source.file, message }));
  }
  const read = source.read(offset, bytes);
  if (!read.ok) return read;
  const values = new Float32Array(elements);
  decode(read.value, values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const message = `value ${bad} of ${quoteText(name)} is ${values[bad]}`;
    return fail(diagnose('QK160', { file: source.file, message }));
  }
  return succeed(values);
}
