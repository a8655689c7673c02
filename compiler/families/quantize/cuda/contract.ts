import type { CudaContract } from '../../../../ir/call-contract.ts';
import { constant, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import { quantizeArguments } from '../arguments.ts';
import { quantizeSharedBytes } from '../geometry.ts';

/** Arguments in signature order, and launch: one CTA a row. */
export function quantizeContract({ problem, schedule }: SpecOf<'quantize', 'cuda'>): CudaContract {
  return {
    arguments: [...quantizeArguments(problem), { kind: 'token-count', name: 'M' }],
    launch: {
      grid: [tokens, constant(1), constant(1)],
      block: [schedule.threads, 1, 1],
      dynamicSharedBytes: quantizeSharedBytes(problem),
    },
  };
}
