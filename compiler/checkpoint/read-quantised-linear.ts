import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { unpackCodes } from '../reference/pack-codes.ts';
import type { QuantisedLinear } from '../reference/quantised-linear.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { readFloats } from './read-floats.ts';
import type { StoredTensor } from './stored-tensor.ts';

type Tensors = ReadonlyMap<string, StoredTensor>;

/** What the model says of a linear, by its model-wide name, e.g. `layers.3.mlp.up_proj`. */
export interface ExpectedLinear {
  readonly name: string;
  readonly n: number;
  readonly k: number;
  readonly bits: 4 | 8;
  /** Ascending; undefined where the model lists none: the file's count. */
  readonly outlierColumns: Int32Array | undefined;
  readonly outliers: number;
}

/** Whether a file of the format "quikc-quantised-1" has a linear. */
export function hasQuantisedLinear(tensors: Tensors, name: string): boolean {
  return tensors.has(`${name}.codes`);
}

/**
 * One linear of a quantised checkpoint. Faults: QK157 a tensor is missing, QK192 one has another dtype or shape than the
 * model asks for or holds what cannot be, QK193 other outlier columns than the model lists, QK150 unreadable.
 */
export function readQuantisedLinear(
  tensors: Tensors,
  expected: ExpectedLinear,
  folder: string,
): Result<QuantisedLinear, Diagnostic> {
  const { name, n, k, bits, outliers } = expected;
  const find = (part: string, dtypes: readonly string[], shape: readonly number[]) => {
    const tensor = tensors.get(`${name}.${part}`);
    if (tensor === undefined) {
      const message = `there is no tensor ${quoteText(`${name}.${part}`)}`;
      return fail(diagnose('QK157', { file: folder, message }));
    }
    const { format } = tensor;
    if (dtypes.includes(format.name) && tensor.shape.join() === shape.join()) return succeed(tensor);
    const message = `${quoteText(tensor.name)} is ${format.name} [${tensor.shape.join(', ')}]`;
    const wanted = `${dtypes.join(' or ')} [${shape.join(', ')}]`;
    return fail(diagnose('QK192', { file: tensor.source.file, message, expected: wanted }));
  };
  const rowBytes = bits === 8 ? k : Math.ceil(k / 2);
  const codes = find('codes', [bits === 8 ? 'I8' : 'U8'], [n, rowBytes]);
  if (!codes.ok) return codes;
  const scales = find('scales', ['F32'], [n]);
  if (!scales.ok) return scales;
  const reduced = find('reduced', ['F32'], [n]);
  if (!reduced.ok) return reduced;
  const columns = find('outlier_columns', ['I32'], [outliers]);
  if (!columns.ok) return columns;
  const kept = find('outlier_weights', ['F16', 'BF16'], [n, outliers]);
  if (!kept.ok) return kept;

  const [codeBytes, columnBytes] = [readBytes(codes.value), readBytes(columns.value)];
  if (!codeBytes.ok) return codeBytes;
  if (!columnBytes.ok) return columnBytes;
  const [scaleValues, reducedValues] = [readFloats(scales.value), readFloats(reduced.value)];
  if (!scaleValues.ok) return scaleValues;
  if (!reducedValues.ok) return reducedValues;
  const outlierWeights = readFloats(kept.value);
  if (!outlierWeights.ok) return outlierWeights;
  const outlierColumns = new Int32Array(Uint8Array.from(columnBytes.value).buffer);
  const linear = {
    ...{ bits, n, k, codes: unpackRows(codeBytes.value, expected), outlierColumns },
    ...{ scales: scaleValues.value, reduced: reducedValues.value, outlierWeights: outlierWeights.value },
  };
  const fault = checkColumns(linear, expected, columns.value) ?? checkCodes(linear, name, codes.value);
  return fault === undefined ? succeed(linear) : fail(fault);
}

function readBytes({ source, offset, bytes }: StoredTensor): Result<Uint8Array, Diagnostic> {
  return source.read(offset, bytes);
}

function unpackRows(bytes: Uint8Array, { n, k, bits }: ExpectedLinear): Int8Array {
  const codes = new Int8Array(n * k);
  const rowBytes = bytes.length / Math.max(1, n);
  for (let row = 0; row < n; row++)
    codes.set(unpackCodes(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), k, bits), row * k);
  return codes;
}

function checkColumns(
  { k, outlierColumns }: QuantisedLinear,
  { name, outlierColumns: listed }: ExpectedLinear,
  { source: { file } }: StoredTensor,
): Diagnostic | undefined {
  const unsorted = outlierColumns.findIndex(
    (column, index) => column < 0 || column >= k || (index > 0 && column <= (outlierColumns[index - 1] ?? 0)),
  );
  if (unsorted >= 0) {
    const message = `entry ${unsorted} of ${quoteText(`${name}.outlier_columns`)} is ${outlierColumns[unsorted]}`;
    const expected = `columns from 0 to ${k - 1}, ascending, each once`;
    return diagnose('QK192', { file, message, expected });
  }
  const other = listed?.findIndex((column, index) => column !== outlierColumns[index]) ?? -1;
  if (other < 0) return undefined;
  const message = `outlier column ${other} of ${name} is ${outlierColumns[other]}, model.json lists ${listed?.[other]}`;
  return diagnose('QK193', { file, message });
}

/** What the kernels take for granted: codes are 0 at outlier columns, R is the scale times the sum of the codes. */
function checkCodes(
  { n, k, codes, scales, reduced, outlierColumns }: QuantisedLinear,
  name: string,
  { source: { file } }: StoredTensor,
): Diagnostic | undefined {
  for (let channel = 0; channel < n; channel++) {
    const row = codes.subarray(channel * k, (channel + 1) * k);
    const stray = outlierColumns.find((column) => row[column] !== 0);
    if (stray !== undefined) {
      const message = `channel ${channel} of ${name} has a code at its outlier column ${stray}`;
      return diagnose('QK192', { file, message });
    }
    const sum = row.reduce((total, code) => total + code, 0);
    if (Math.fround((scales[channel] ?? 0) * sum) !== reduced[channel]) {
      const message = `${quoteText(`${name}.reduced`)}[${channel}] is ${reduced[channel]}`;
      const expected = `${Math.fround((scales[channel] ?? 0) * sum)}, the scale times the sum of the codes`;
      return diagnose('QK192', { file, message, expected });
    }
  }
  return undefined;
}
