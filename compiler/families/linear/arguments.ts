import type { BufferArgument } from '../../../ir/call-contract.ts';
import { constant, tokens } from '../../../ir/formula.ts';
import { addsResidual, type LinearProblem } from '../../../ir/problem.ts';
import { blockBytes, blockChannels, linearGeometry, segmentBytes } from './geometry.ts';

/** Buffers of a linear in signature order, y last: the same in every language. */
export function linearArguments(problem: LinearProblem): readonly BufferArgument[] {
  const geometry = linearGeometry(problem);
  const { n, dtype } = problem;
  const channels = constant(geometry.channelBlocks * blockChannels);
  const weightLayout = problem.weightBits === 4 ? 'weight-blocks-16x64-s4' : 'weight-blocks-16x32-s8';
  const blocks = (segments: number): Pick<BufferArgument, 'shape' | 'bytes' | 'rowStrideBytes'> => ({
    shape: [constant(geometry.channelBlocks), constant(segments), constant(blockBytes)],
    rowStrideBytes: segments * blockBytes,
    bytes: constant(geometry.channelBlocks * segments * blockBytes),
  });
  const rows = (
    columns: number,
    strideBytes: number,
  ): Pick<BufferArgument, 'shape' | 'bytes' | 'rowStrideBytes'> => ({
    shape: [tokens, constant(columns)],
    rowStrideBytes: strideBytes,
    bytes: { mul: [tokens, constant(strideBytes)] },
  });
  const input = { kind: 'buffer', access: 'read', alignment: 16 } as const;
  const list: BufferArgument[] = [
    {
      ...input,
      name: 'weights',
      dtype: problem.weightBits === 4 ? 's4' : 's8',
      layout: weightLayout,
      ...blocks(geometry.baseSegments),
      meaning: 'base weight codes',
    },
    {
      ...input,
      name: 'column_meta',
      dtype: 'f32',
      layout: 'column-meta',
      shape: [channels, constant(4)],
      rowStrideBytes: 16,
      bytes: { mul: [channels, constant(16)] },
      meaning: '{s_w, R, bias, 0} per output channel; R = s_w * sum of its base codes',
    },
    {
      ...input,
      name: 'outlier_weights',
      dtype,
      layout: 'outlier-blocks-16x16',
      ...blocks(geometry.outlierSegments),
      meaning: 'weights of the outlier columns, in the order of outlier_rows',
    },
    {
      ...input,
      name: 'codes',
      dtype: problem.activationBits === 4 ? 's4' : 's8',
      layout: 'codes-rows',
      ...rows(geometry.baseSegments * geometry.codesPerSegment, geometry.baseSegments * segmentBytes),
      meaning: 'activation codes of the base columns',
    },
    {
      ...input,
      name: 'row_meta',
      dtype: 'f32',
      layout: 'row-meta',
      ...rows(2, 8),
      alignment: 16,
      meaning: '{scale, minimum} of a token row; {NaN, NaN} makes its output NaN',
    },
    {
      ...input,
      name: 'outlier_rows',
      dtype,
      layout: 'row-major',
      ...rows(geometry.outlierSegments * 16, geometry.outlierSegments * segmentBytes),
      meaning: 'activations of the outlier columns, zero-padded to a multiple of 16',
    },
  ];
  if (addsResidual(problem)) {
    list.push({
      ...input,
      name: 'residual',
      dtype,
      layout: 'row-major',
      ...rows(n, n * 2),
      meaning: 'added to y in FP32; may be y itself',
    });
  }
  list.push({
    ...input,
    name: 'y',
    dtype,
    layout: 'row-major',
    access: 'write',
    ...rows(n, n * 2),
    meaning: 'the result',
  });
  return list;
}
