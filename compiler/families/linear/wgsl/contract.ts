import type { BufferArgument, CallContract } from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { linearArguments } from '../arguments.ts';
import { linearGeometry } from '../geometry.ts';

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
  const { channelThreads, tokenThreads, tokensPerThread } = schedule;
  const quads = linearGeometry(problem).channelBlocks * 4;
  return {
    arguments: [...linearBuffers(problem), { kind: 'token-count', name: 'M' }],
    launch: {
      grid: [
        constant(ceilDiv(quads, channelThreads)),
        { ceilDiv: [tokens, constant(tokenThreads * tokensPerThread)] },
        constant(1),
      ],
      block: [channelThreads, tokenThreads, 1],
      dynamicSharedBytes: 0,
    },
  };
}
