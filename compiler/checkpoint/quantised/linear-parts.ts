import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { quoteText } from '../../diagnostics/escape-text.ts';
import { fail, type Result, succeed } from '../../support/result.ts';
import type { StoredTensor } from '../stored-tensor.ts';
import type { ScaleDtype, StoredCodes } from './stored-codes.ts';

/** A linear whose tensors fit each other; nothing but headers has been read. */
export interface CodedLinear {
  readonly n: number;
  readonly k: number;
  readonly dtype: ScaleDtype;
  /** Faults: QK150 unreadable, QK160 a scale that is not finite, QK197 a column in no group. */
  readonly read: () => Result<StoredCodes, Diagnostic>;
}

/** The tensors of one linear, by the ends of their names. */
export interface LinearParts {
  /** E.g. `model.layers.3.mlp.up_proj`. */
  readonly name: string;
  readonly file: string;
  readonly tensor: (part: string) => StoredTensor | undefined;
}

/** One of the parts; QK157 where it is not there, QK197 where it has another dtype. */
export function needPart(
  { name, file, tensor }: LinearParts,
  part: string,
  dtypes: readonly string[],
  dimensions = 2,
): Result<StoredTensor, Diagnostic> {
  const found = tensor(part);
  if (found === undefined) {
    const message = `there is no tensor ${quoteText(`${name}.${part}`)}, which the linear's codes need`;
    return fail(diagnose('QK157', { file, message }));
  }
  if (dtypes.includes(found.format.name) && found.shape.length === dimensions) return succeed(found);
  return fail(
    misfit(found, `${dtypes.join(' or ')} of ${dimensions} dimension${dimensions === 1 ? '' : 's'}`),
  );
}

/** QK197 of a tensor whose shape is not as expected; undefined where it is. */
export function checkShape(tensor: StoredTensor, shape: readonly number[]): Diagnostic | undefined {
  return tensor.shape.join() === shape.join() ? undefined : misfit(tensor, `[${shape.join(', ')}]`);
}

export function misfit({ name, format, shape, source }: StoredTensor, expected: string): Diagnostic {
  const message = `${quoteText(name)} is ${format.name} [${shape.join(', ')}]`;
  return diagnose('QK197', { file: source.file, message, expected });
}

export const scaleDtypes: readonly ScaleDtype[] = ['F16', 'BF16', 'F32'];

export function scaleDtype({ format }: StoredTensor): ScaleDtype {
  return scaleDtypes.find((dtype) => dtype === format.name) ?? 'F32';
}

/** The 32-bit words of an I32 tensor. */
export function readWords({ source, offset, bytes }: StoredTensor): Result<Uint32Array, Diagnostic> {
  const read = source.read(offset, bytes);
  // Words start at multiples of four, which bytes of a file need not.
  return read.ok ? succeed(new Uint32Array(Uint8Array.from(read.value).buffer)) : read;
}

/** The integers of an I32 or I64 tensor. */
export function readIntegers(tensor: StoredTensor): Result<readonly number[], Diagnostic> {
  const { source, offset, bytes, format } = tensor;
  const read = source.read(offset, bytes);
  if (!read.ok) return read;
  const view = new DataView(read.value.buffer, read.value.byteOffset, bytes);
  const size = format.bytes;
  return succeed(
    Array.from({ length: bytes / size }, (_, i) =>
      size === 8 ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true),
    ),
  );
}

/**
 * The group of each column as the tensor g_idx says; undefined where it says nothing: `placeholder` everywhere, which is what is left in it
 * by those who never set it. QK197 for a group that is none.
 */
export function readGroupOf(
  tensor: StoredTensor,
  groups: number,
  placeholder: number,
): Result<Int32Array | undefined, Diagnostic> {
  const read = readIntegers(tensor);
  if (!read.ok) return read;
  const values = read.value;
  if (values.every((value) => value === placeholder)) return succeed(undefined);
  const bad = values.findIndex((value) => !(value >= 0 && value < groups));
  if (bad < 0) return succeed(Int32Array.from(values));
  const message = `column ${bad} is in group ${values[bad]} by ${quoteText(tensor.name)}`;
  const expected = `groups from 0 to ${groups - 1}`;
  return fail(diagnose('QK197', { file: tensor.source.file, message, expected }));
}
