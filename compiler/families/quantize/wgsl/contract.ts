import type { BufferArgument, WgslContract } from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { baseColumns, type QuantizeProblem } from '../../../../ir/problem.ts';
import { webgpu } from '../../../../targets/webgpu.ts';
import { bindBuffers, tokensAtOnce, tokenUniform } from '../../wgsl-dispatches.ts';
import { quantizeArguments } from '../arguments.ts';

/** WebGPU's workgroups along a dimension, beyond which rows go on in the next. */
const mostWorkgroups = 65_535;

/** The buffers of a quantize; those of no size are left out, since a binding cannot be empty. */
export function quantizeBuffers(problem: QuantizeProblem): readonly BufferArgument[] {
  const absent = new Set([
    ...(problem.outliers === 0 ? ['outlier_columns', 'outlier_rows'] : []),
    ...(baseColumns(problem) === 0 ? ['codes'] : []),
  ]);
  return quantizeArguments(problem).filter(({ name }) => !absent.has(name));
}

/** Arguments in the order of bindings 1, 2, …, the token count (binding 0) last; a workgroup a row. */
export function quantizeContract({ problem, schedule }: SpecOf<'quantize', 'wgsl'>): WgslContract {
  const buffers = quantizeBuffers(problem);
  return {
    arguments: [...buffers, { kind: 'token-count', name: 'M' }],
    dispatches: [
      {
        entryPoint: 'main',
        grid: [
          { min: [tokens, constant(mostWorkgroups)] },
          { ceilDiv: [tokens, constant(mostWorkgroups)] },
          constant(1),
        ],
        block: [schedule.threads, 1, 1],
        uniforms: [tokenUniform],
        buffers: bindBuffers(buffers),
      },
    ],
    tokensAtOnce: tokensAtOnce(buffers, webgpu.limits),
  };
}
