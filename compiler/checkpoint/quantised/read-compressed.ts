import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import { readFloats } from '../read-floats.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import { type CompressedForm, fitCompressed } from './fit-compressed.ts';
import { type CodedLinear, type LinearParts, readGroupOf, readWords, scaleDtype } from './linear-parts.ts';
import type { CompressedQuantisation, CompressedScheme } from './quantisation.ts';
import type { StoredCodes } from './stored-codes.ts';
import { transpose, unpackBits, wordsOf } from './unpack-bits.ts';

/**
 * Packed: weight_packed I32 [N, K bits/32] of codes with 2^(bits - 1) added, weight_shape, weight_scale, weight_zero_point packed along N.
 * Else weight I8 [N, K] and weight_zero_point I8 as weight_scale (compressed-tensors 0.20.0; weight_g_idx until 0.10.2). Faults: QK157 a
 * part is missing, QK197 they fit no scheme of the config.
 */
export function readCompressed(
  parts: LinearParts,
  { schemes }: CompressedQuantisation,
): Result<CodedLinear, Diagnostic> {
  const packed = parts.tensor('weight_packed') !== undefined;
  let fault: Diagnostic | undefined;
  for (const scheme of schemes.filter((candidate) => candidate.packed === packed)) {
    const read = readAs(parts, scheme);
    if (read.ok) return read;
    fault ??= read.error;
  }
  const message = `${quoteText(parts.name)} is ${packed ? 'packed' : 'not packed'}, other than its config says`;
  return fail(fault ?? diagnose('QK197', { file: parts.file, message }));
}

function readAs(parts: LinearParts, scheme: CompressedScheme): Result<CodedLinear, Diagnostic> {
  const measured = fitCompressed(parts, scheme);
  if (!measured.ok) return measured;
  const { n, k, scale } = measured.value;
  return succeed({ n, k, dtype: scaleDtype(scale), read: () => readAll(measured.value, scheme) });
}

function readAll(form: CompressedForm, scheme: CompressedScheme): Result<StoredCodes, Diagnostic> {
  const { n, k, groups, groupSize } = form;
  const { bits, packed, strategy } = scheme;
  const scale = readFloats(form.scale);
  if (!scale.ok) return scale;
  const codes = readCodes(form, scheme);
  if (!codes.ok) return codes;
  const zeros = readZeros(form, scheme);
  if (!zeros.ok) return zeros;
  const order = form.order === undefined ? succeed(undefined) : readOrder(form.order, form);
  if (!order.ok) return order;
  const spread = strategy === 'tensor';
  return succeed({
    // What is not packed may be any byte, however many bits were meant.
    bits: packed ? bits : 8,
    ...{ n, k, groups, groupSize, codes: codes.value, dtype: scaleDtype(form.scale) },
    ...(order.value === undefined ? {} : { groupOf: order.value }),
    scales: spread ? new Float32Array(n).fill(scale.value[0] ?? 0) : scale.value,
    zeros: spread ? new Int16Array(n).fill(zeros.value[0] ?? 0) : zeros.value,
  });
}

function readCodes(
  { codes, n, k }: CompressedForm,
  { packed, bits }: CompressedScheme,
): Result<Uint8Array, Diagnostic> {
  if (!packed) {
    const read = codes.source.read(codes.offset, codes.bytes);
    return read.ok ? succeed(read.value.map((byte) => byte ^ 128)) : read;
  }
  const words = readWords(codes);
  if (!words.ok) return words;
  const stride = { line: wordsOf(k, bits), word: 1 };
  return succeed(unpackBits({ words: words.value, bits, lines: n, count: k, stride }));
}

/** As many as there are scales. */
function readZeros(
  { zero, scale, n, groups }: CompressedForm,
  { packed, bits }: CompressedScheme,
): Result<Int16Array, Diagnostic> {
  const half = 2 ** ((packed ? bits : 8) - 1);
  if (zero === undefined)
    return succeed(new Int16Array(scale.shape.reduce((product, size) => product * size, 1)).fill(half));
  if (zero.format.name === 'I8') {
    const read = zero.source.read(zero.offset, zero.bytes);
    return read.ok ? succeed(Int16Array.from(read.value, (byte) => ((byte << 24) >> 24) + half)) : read;
  }
  const words = readWords(zero);
  if (!words.ok) return words;
  const unpacked = unpackBits({
    words: words.value,
    bits,
    lines: groups,
    count: n,
    stride: { line: 1, word: groups },
  });
  return succeed(Int16Array.from(transpose(unpacked, groups, n)));
}

/** The library sorts columns by group and cuts them into equal groups: the same as a group of each only where all are full. */
function readOrder(
  tensor: StoredTensor,
  { groups, groupSize }: CompressedForm,
): Result<Int32Array | undefined, Diagnostic> {
  const order = readGroupOf(tensor, groups, -1);
  if (!order.ok || order.value === undefined) return order;
  const counts = new Int32Array(groups);
  for (const group of order.value) counts[group] = (counts[group] ?? 0) + 1;
  const uneven = counts.findIndex((count) => count !== groupSize);
  if (uneven < 0) return order;
  const message = `group ${uneven} has ${counts[uneven]} columns by ${quoteText(tensor.name)}`;
  return fail(diagnose('QK197', { file: tensor.source.file, message, expected: `${groupSize}` }));
}
