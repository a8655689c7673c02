import type { BufferArgument, WorkspaceProtocol } from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { SliceSplitSchedule } from '../../../../ir/schedule.ts';
import { linearGeometry } from '../geometry.ts';

/** What the two dispatches bind of the arguments; a name that the kernel does not have is of no account. */
export const multiplyBuffers = ['weights', 'outlier_weights', 'codes', 'outlier_rows', 'workspace'] as const;
export const finishBuffers = ['column_meta', 'row_meta', 'residual', 'y', 'workspace'] as const;

/** Vectors of 16 bytes that a slice has for 4 channels of a token: code sums and, where there are any, outlier sums. */
export function shareVectors({ outliers }: LinearProblem): number {
  return outliers > 0 ? 2 : 1;
}

/** The workspace in which slices leave their shares. */
export function sharesArgument(problem: LinearProblem, { slices }: SliceSplitSchedule): BufferArgument {
  const quads = 4 * linearGeometry(problem).channelBlocks;
  const words = 4 * shareVectors(problem);
  return {
    kind: 'buffer',
    name: 'workspace',
    dtype: 's32',
    layout: 'slice-shares',
    access: 'read-write',
    shape: [constant(slices), tokens, constant(quads), constant(words)],
    bytes: { mul: [tokens, constant(slices * quads * words * 4)] },
    alignment: 16,
    meaning: 'shares of the slices of K: scratch between the two dispatches',
  };
}

export const sharesProtocol: WorkspaceProtocol = {
  argument: 'workspace',
  before: 'any',
  after: 'any',
  sharing: 'Scratch: launches of one queue may share it, for WebGPU runs dispatches on one buffer in order.',
};
