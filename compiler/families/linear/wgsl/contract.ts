import type { BufferArgument, CallContract } from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { linearArguments } from '../arguments.ts';
import { linearGeometry } from '../geometry.ts';
import { tileOf } from './tile-of.ts';

/** The buffers of a linear; those of no size are left out, since a binding cannot be empty. */
export function linearBuffers(problem: LinearProblem): readonly BufferArgument[] {
  const { baseSegments, outlierSegments } = linearGeometry(problem);
  const absent = new Set([
    ...(baseSegments === 0 ? ['weights', 'codes'] : []),
    ...(outlierSegments === 0 ? ['outlier_weights', 'outlier_rows'] : []),
  ]);
  return linearArguments(problem)
    .filter(({ name }) => !absent.has(name))
    .map((buffer) =>
      buffer.name === 'residual'
        ? { ...buffer, meaning: 'added to y in f32; not y itself, which WebGPU forbids' }
        : buffer,
    );
}

/** Arguments in the order of bindings 1, 2, …, the token count (binding 0) last; the grid counts workgroups. */
export function linearContract({ problem, schedule }: SpecOf<'linear', 'wgsl'>): CallContract {
  const tile = tileOf(schedule);
  const channels = linearGeometry(problem).channelBlocks * 16;
  return {
    arguments: [...linearBuffers(problem), { kind: 'token-count', name: 'M' }],
    launch: {
      grid: [
        constant(ceilDiv(channels, tile.channels)),
        { ceilDiv: [tokens, constant(tile.tokens)] },
        constant(1),
      ],
      block: [...tile.block, 1],
      dynamicSharedBytes: 0,
    },
  };
}
