import { readFloats } from '../checkpoint/read-floats.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { assert } from '../support/assert.ts';
import { bytesOf } from '../support/bytes-of.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';

/** Read at once of a matrix. */
const bytesAtOnce = 2 ** 24;

/** The maxima [K] of |x|. Faults: QK175 no floats, QK176 another K, QK177 a value that no maximum has; QK150 the file. */
export function readMaxima(tensor: StoredTensor, k: number): Result<Float32Array, Diagnostic> {
  if (!['F32', 'F16', 'BF16'].includes(tensor.format.name)) return refuseFormat(tensor, 'F32');
  if (tensor.shape.join() !== `${k}`) return refuseShape(tensor, [k]);
  const read = readFloats(tensor);
  if (!read.ok) return read.error.code === 'QK160' ? refuse('QK177', tensor, 'a value is not finite') : read;
  const negative = read.value.findIndex((value) => value < 0);
  return negative < 0
    ? read
    : refuse(
        'QK177',
        tensor,
        `value ${negative} is ${read.value[negative]}, where a maximum of sizes is meant`,
      );
}

/** Xᵀ X [K, K], in `memory` if that is given. Faults: QK175 not F64, QK176 another K, QK177 not finite or with a diagonal that no sum of squares has. */
export function readGram(
  tensor: StoredTensor,
  k: number,
  memory: () => Float64Array = () => new Float64Array(k * k),
): Result<Float64Array, Diagnostic> {
  if (tensor.format.name !== 'F64') return refuseFormat(tensor, 'F64');
  if (tensor.shape.join() !== `${k},${k}`) return refuseShape(tensor, [k, k]);
  const gram = memory();
  assert(gram.length === k * k, 'there is room for [K, K]');
  const bytes = bytesOf(gram);
  for (let at = 0; at < bytes.length; at += bytesAtOnce) {
    const read = tensor.source.read(tensor.offset + at, Math.min(bytesAtOnce, bytes.length - at));
    if (!read.ok) return read;
    bytes.set(read.value, at);
  }
  if (!gram.every(Number.isFinite)) return refuse('QK177', tensor, 'a value is not finite');
  for (let i = 0; i < k; i++)
    if ((gram[i * (k + 1)] ?? 0) < 0) return refuse('QK177', tensor, `column ${i} has a negative square`);
  return succeed(gram);
}

function refuseFormat(tensor: StoredTensor, expected: string) {
  return refuse('QK175', tensor, `its values are ${tensor.format.name}`, expected);
}

function refuseShape(tensor: StoredTensor, shape: readonly number[]) {
  return refuse('QK176', tensor, `its shape is [${tensor.shape.join(', ')}]`, `[${shape.join(', ')}]`);
}

function refuse(code: DiagnosticCode, { name, source }: StoredTensor, what: string, expected?: string) {
  const message = `${quoteText(name)}: ${what}`;
  return fail(
    diagnose(code, { file: source.file, message, ...(expected === undefined ? {} : { expected }) }),
  );
}
