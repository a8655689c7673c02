import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import { checkShape, type LinearParts, misfit, needPart, readIntegers, scaleDtypes } from './linear-parts.ts';
import type { CompressedScheme } from './quantisation.ts';
import { wordsOf } from './unpack-bits.ts';

/** A linear's tensors, which fit each other. */
export interface CompressedForm {
  readonly n: number;
  readonly k: number;
  readonly groups: number;
  readonly groupSize: number;
  readonly codes: StoredTensor;
  readonly scale: StoredTensor;
  readonly zero: StoredTensor | undefined;
  readonly order: StoredTensor | undefined;
}

/** The tensors of a linear where they have the dtypes and shapes of a scheme. Faults: QK157 a part is missing, QK197 one does not fit. */
export function fitCompressed(
  parts: LinearParts,
  scheme: CompressedScheme,
): Result<CompressedForm, Diagnostic> {
  const { packed, bits, symmetric, strategy } = scheme;
  const codes = packed ? needPart(parts, 'weight_packed', ['I32']) : needPart(parts, 'weight', ['I8']);
  if (!codes.ok) return codes;
  const shape = packed ? readShape(parts) : succeed(codes.value.shape);
  if (!shape.ok) return shape;
  const [n = 0, k = 0] = shape.value;
  const groupSize = scheme.groupSize ?? k;
  const groups = k === 0 ? 0 : Math.ceil(k / groupSize);
  const widthFault = packed ? checkShape(codes.value, [n, wordsOf(k, bits)]) : undefined;
  if (widthFault !== undefined) return fail(widthFault);
  const dimensions = parts.tensor('weight_scale')?.shape.length ?? 2;
  const whole = strategy === 'tensor' && dimensions < 2;
  const scale = needPart(parts, 'weight_scale', scaleDtypes, whole ? dimensions : 2);
  if (!scale.ok) return scale;
  const expected = strategy === 'tensor' ? [1, 1].slice(0, whole ? dimensions : 2) : [n, groups];
  const scaleFault =
    checkShape(scale.value, expected) ??
    (k % groupSize === 0 ? undefined : misfit(codes.value, `groups of ${groupSize} columns`));
  if (scaleFault !== undefined) return fail(scaleFault);
  const packedZero = packed && !symmetric && strategy !== 'tensor' ? [wordsOf(n, bits), groups] : undefined;
  const zero = fitZero(parts, symmetric, packedZero, scale.value.shape);
  if (!zero.ok) return zero;
  const order = parts.tensor('weight_g_idx');
  const orderFault = order === undefined ? undefined : checkShape(order, [k]);
  if (orderFault !== undefined) return fail(orderFault);
  if (order !== undefined && !['I32', 'I64'].includes(order.format.name)) return fail(misfit(order, 'I32'));
  return succeed({
    ...{ n, k, groups, groupSize, order },
    ...{ codes: codes.value, scale: scale.value, zero: zero.value },
  });
}

/** weight_shape: [N, K], the one tensor whose values are read before weights are. */
function readShape(parts: LinearParts): Result<readonly number[], Diagnostic> {
  const tensor = needPart(parts, 'weight_shape', ['I64', 'I32'], 1);
  if (!tensor.ok) return tensor;
  const fault = checkShape(tensor.value, [2]);
  if (fault !== undefined) return fail(fault);
  const read = readIntegers(tensor.value);
  if (!read.ok || read.value.every((size) => size >= 1 && size <= 2 ** 31)) return read;
  const message = `${quoteText(tensor.value.name)} is [${read.value.join(', ')}]`;
  return fail(diagnose('QK197', { file: parts.file, message, expected: 'the rows and columns of a weight' }));
}

/** Asymmetric codes need zero points; symmetric ones may have some, which older versions wrote though they are 0. */
function fitZero(
  parts: LinearParts,
  symmetric: boolean,
  packedShape: readonly number[] | undefined,
  scaleShape: readonly number[],
): Result<StoredTensor | undefined, Diagnostic> {
  if (symmetric && parts.tensor('weight_zero_point') === undefined) return succeed(undefined);
  const shape = packedShape ?? scaleShape;
  const zero = needPart(parts, 'weight_zero_point', [packedShape === undefined ? 'I8' : 'I32'], shape.length);
  if (!zero.ok) return zero;
  const fault = checkShape(zero.value, shape);
  return fault === undefined ? zero : fail(fault);
}
