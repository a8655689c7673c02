import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import { readFloats } from '../read-floats.ts';
import {
  type CodedLinear,
  checkShape,
  type LinearParts,
  needPart,
  readWords,
  scaleDtype,
  scaleDtypes,
} from './linear-parts.ts';
import type { AwqQuantisation } from './quantisation.ts';
import { transposeFloats } from './read-gptq.ts';

/** The nibble of a word that channel 0, 1, … of its eight is in (AWQ_REVERSE_ORDER of autoawq 0.2.9). */
const nibbles = [0, 4, 1, 5, 2, 6, 3, 7] as const;

/**
 * The version "gemm": qweight I32 [K, N/8] and qzeros I32 [G, N/8], packed along N in that order, scales [G, N]. Faults: QK157 a part is
 * missing, QK197 one does not fit.
 */
export function readAwq(
  parts: LinearParts,
  { bits, groupSize: given }: AwqQuantisation,
): Result<CodedLinear, Diagnostic> {
  const qweight = needPart(parts, 'qweight', ['I32']);
  if (!qweight.ok) return qweight;
  const qzeros = needPart(parts, 'qzeros', ['I32']);
  if (!qzeros.ok) return qzeros;
  const scales = needPart(parts, 'scales', scaleDtypes);
  if (!scales.ok) return scales;
  const [k = 0, words = 0] = qweight.value.shape;
  const groupSize = Math.min(given ?? k, k);
  const groups = Math.ceil(k / groupSize);
  const n = 8 * words;
  const fault = checkShape(qzeros.value, [groups, words]) ?? checkShape(scales.value, [groups, n]);
  if (fault !== undefined) return fail(fault);
  const dtype = scaleDtype(scales.value);
  const read: CodedLinear['read'] = () => {
    const values = readFloats(scales.value);
    if (!values.ok) return values;
    const codes = readWords(qweight.value);
    if (!codes.ok) return codes;
    const zeros = readWords(qzeros.value);
    if (!zeros.ok) return zeros;
    return succeed({
      ...{ bits, n, k, groups, groupSize, dtype },
      codes: unpackNibbles(codes.value, k, n),
      zeros: Int16Array.from(unpackNibbles(zeros.value, groups, n)),
      scales: transposeFloats(values.value, groups, n),
    });
  };
  return succeed({ n, k, dtype, read });
}

/** [N, rows] of words [rows, N/8]. */
function unpackNibbles(words: Uint32Array, rows: number, n: number): Uint8Array {
  const codes = new Uint8Array(n * rows);
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < n; channel++) {
      const word = words[row * (n / 8) + (channel >> 3)] ?? 0;
      codes[channel * rows + row] = (word >>> (4 * (nibbles[channel & 7] ?? 0))) & 15;
    }
  }
  return codes;
}
