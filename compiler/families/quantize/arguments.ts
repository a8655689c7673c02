import type { BufferArgument } from '../../../ir/call-contract.ts';
import { constant, tokens } from '../../../ir/formula.ts';
import type { QuantizeProblem } from '../../../ir/problem.ts';
import { codeRowBytes, quantizeGeometry } from './geometry.ts';

/** Buffers of a quantize in signature order: the same in every language. */
export function quantizeArguments(problem: QuantizeProblem): readonly BufferArgument[] {
  const geometry = quantizeGeometry(problem);
  const { k, outliers, dtype, prologue } = problem;
  const rows = (
    columns: number,
    strideBytes: number,
  ): Pick<BufferArgument, 'shape' | 'rowStrideBytes' | 'bytes' | 'alignment'> => ({
    shape: [tokens, constant(columns)],
    rowStrideBytes: strideBytes,
    bytes: { mul: [tokens, constant(strideBytes)] },
    alignment: 16,
  });
  const values = prologue.op === 'silu-mul' ? 2 * k : k;
  const list: BufferArgument[] = [
    {
      kind: 'buffer',
      name: 'x',
      dtype,
      layout: 'row-major',
      access: 'read',
      ...rows(values, values * 2),
      meaning: prologue.op === 'silu-mul' ? '[gate | up] of each token' : 'activations of each token',
    },
  ];
  if (prologue.op === 'rms-norm') {
    list.push({
      kind: 'buffer',
      name: 'gamma',
      dtype,
      layout: 'row-major',
      access: 'read',
      shape: [constant(k)],
      bytes: constant(k * 2),
      alignment: 16,
      meaning: 'weight of the RMS norm',
    });
  }
  list.push(
    {
      kind: 'buffer',
      name: 'outlier_columns',
      dtype: 's32',
      layout: 'sorted-indices',
      access: 'read',
      shape: [constant(outliers)],
      bytes: constant(outliers * 4),
      alignment: 4,
      meaning: 'input features kept in 16 bit, ascending, each once',
    },
    {
      kind: 'buffer',
      name: 'codes',
      dtype: problem.bits === 4 ? 's4' : 's8',
      layout: 'codes-rows',
      access: 'write',
      ...rows(geometry.paddedBase, codeRowBytes(problem)),
      meaning: 'codes of the base columns in ascending order',
    },
    {
      kind: 'buffer',
      name: 'row_meta',
      dtype: 'f32',
      layout: 'row-meta',
      access: 'write',
      ...rows(2, 8),
      alignment: 16,
      meaning: '{scale, minimum}; {NaN, NaN} where a base value is not finite',
    },
    {
      kind: 'buffer',
      name: 'outlier_rows',
      dtype,
      layout: 'row-major',
      access: 'write',
      ...rows(geometry.paddedOutliers, geometry.paddedOutliers * 2),
      meaning: 'the outlier columns as they are, zero-padded',
    },
  );
  return list;
}
