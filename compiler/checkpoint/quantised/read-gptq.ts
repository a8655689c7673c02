import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import { readFloats } from '../read-floats.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import {
  type CodedLinear,
  checkShape,
  type LinearParts,
  misfit,
  needPart,
  readGroupOf,
  readWords,
  scaleDtype,
  scaleDtypes,
} from './linear-parts.ts';
import type { GptqQuantisation, GptqVersion } from './quantisation.ts';
import { transpose, unpackBits, wordsOf } from './unpack-bits.ts';

export interface GptqLinear extends Omit<CodedLinear, 'read'> {
  readonly bits: number;
  readonly file: string;
  /** [N, G]; of version 2 as they are stored. */
  readonly readZeros: (version: GptqVersion) => Result<Uint8Array, Diagnostic>;
  /** [N, K]. */
  readonly readCodes: () => Result<Uint8Array, Diagnostic>;
  readonly as: (version: GptqVersion) => CodedLinear;
}

export const gptqBits: readonly number[] = [2, 3, 4, 8];

interface Form {
  readonly n: number;
  readonly k: number;
  readonly bits: number;
  readonly groups: number;
  readonly groupSize: number;
  readonly qweight: StoredTensor;
  readonly qzeros: StoredTensor;
  readonly scales: StoredTensor;
  readonly order: StoredTensor | undefined;
}

/**
 * qweight I32 [K bits/32, N] packed along K, qzeros I32 [G, N bits/32] along N, scales [G, N], g_idx I32 [K] or none (auto-gptq 0.7.1,
 * gptqmodel 7.7.0). Faults: QK157 a part is missing, QK197 one does not fit.
 */
export function readGptq(parts: LinearParts, config: GptqQuantisation): Result<GptqLinear, Diagnostic> {
  const measured = measure(parts, config);
  if (!measured.ok) return measured;
  const form = measured.value;
  const { n, k, bits } = form;
  const dtype = scaleDtype(form.scales);
  const readCodes = () => {
    const words = readWords(form.qweight);
    if (!words.ok) return words;
    return succeed(
      unpackBits({ words: words.value, bits, lines: n, count: k, stride: { line: 1, word: n } }),
    );
  };
  return succeed({
    ...{ n, k, bits, dtype, file: parts.file, readCodes },
    readZeros: (version) => readZeros(form, version),
    as: (version) => ({ n, k, dtype, read: () => readAll(form, version, readCodes) }),
  });
}

function measure(parts: LinearParts, { uniform }: GptqQuantisation): Result<Form, Diagnostic> {
  const qweight = needPart(parts, 'qweight', ['I32']);
  if (!qweight.ok) return qweight;
  const qzeros = needPart(parts, 'qzeros', ['I32']);
  if (!qzeros.ok) return qzeros;
  const scales = needPart(parts, 'scales', scaleDtypes);
  if (!scales.ok) return scales;
  const order =
    parts.tensor('g_idx') === undefined ? succeed(undefined) : needPart(parts, 'g_idx', ['I32', 'I64'], 1);
  if (!order.ok) return order;
  const [groups = 0, n = 0] = scales.value.shape;
  const [rows = 0] = qweight.value.shape;
  const columns = order.value?.shape[0];
  const widthOf = (bits: number) => columns ?? Math.floor((rows * 32) / bits);
  const fits = (bits: number) =>
    qzeros.value.shape[1] === wordsOf(n, bits) && rows === wordsOf(widthOf(bits), bits);
  const bits = uniform?.bits ?? gptqBits.find(fits);
  if (bits === undefined) return fail(misfit(qzeros.value, `codes of ${gptqBits.join(', ')} bits`));
  const k = widthOf(bits);
  const groupSize = Math.min(uniform === undefined ? Math.ceil(k / groups) : (uniform.groupSize ?? k), k);
  const fault =
    checkShape(qweight.value, [wordsOf(k, bits), n]) ??
    checkShape(qzeros.value, [groups, wordsOf(n, bits)]) ??
    checkShape(scales.value, [Math.ceil(k / groupSize), n]);
  if (fault !== undefined) return fail(fault);
  return succeed({
    ...{ n, k, bits, groups, groupSize, order: order.value },
    ...{ qweight: qweight.value, qzeros: qzeros.value, scales: scales.value },
  });
}

/** [N, G]. Version 2 are those that are stored. */
function readZeros({ qzeros, n, groups, bits }: Form, version: GptqVersion): Result<Uint8Array, Diagnostic> {
  const read = readWords(qzeros);
  if (!read.ok) return read;
  const stored = read.value;
  const words = version === 1 && 32 % bits === 0 ? addOneToEach(stored, bits) : stored;
  const stride = { line: wordsOf(n, bits), word: 1 };
  const zeros = unpackBits({ words, bits, lines: groups, count: n, stride });
  // Of 3 bits some straddle words: gptqmodel adds to each by itself.
  if (version === 1 && words === stored)
    for (let i = 0; i < zeros.length; i++) zeros[i] = ((zeros[i] ?? 0) + 1) & (2 ** bits - 1);
  return succeed(transpose(zeros, groups, n));
}

/**
 * As gptqmodel has it, which took one off each word to write version 1: one sum a word, carries and all, so that a zero point of 0, stored
 * as all ones with a borrow from its neighbour, comes back.
 */
function addOneToEach(words: Uint32Array, bits: number): Uint32Array {
  const ones = (2 ** 32 - 1) / (2 ** bits - 1);
  return words.map((word) => word + ones);
}

function readAll(
  form: Form,
  version: GptqVersion,
  readCodes: () => Result<Uint8Array, Diagnostic>,
): ReturnType<CodedLinear['read']> {
  const { bits, n, k, groups, groupSize } = form;
  const scales = readFloats(form.scales);
  if (!scales.ok) return scales;
  const zeros = readZeros(form, version);
  if (!zeros.ok) return zeros;
  // exllama takes a g_idx of zeros for one that was never set.
  const order =
    form.order === undefined || groups === 1 ? succeed(undefined) : readGroupOf(form.order, groups, 0);
  if (!order.ok) return order;
  const codes = readCodes();
  if (!codes.ok) return codes;
  return succeed({
    ...{ bits, n, k, groups, groupSize, codes: codes.value, dtype: scaleDtype(form.scales) },
    ...(order.value === undefined ? {} : { groupOf: order.value }),
    zeros: Int16Array.from(zeros.value),
    scales: transposeFloats(scales.value, groups, n),
  });
}

/** [columns, rows] of what is [rows, columns]. */
export function transposeFloats(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)] ?? 0);
}
