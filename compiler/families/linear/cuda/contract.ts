import type { BufferArgument, CudaContract, KernelArgument } from '../../../../ir/call-contract.ts';
import { constant, type Formula, tokens } from '../../../../ir/formula.ts';
import type { SpecOf } from '../../../../ir/kernel-spec.ts';
import type { LinearProblem } from '../../../../ir/problem.ts';
import type { SplitKSchedule } from '../../../../ir/schedule.ts';
import { ceilDiv } from '../../../support/integer.ts';
import { linearArguments } from '../arguments.ts';
import { splitKSharedBytes, splitKWorkspaceBytes } from './split-k-sizes.ts';
import { threadsOf, tiledSharedBytes, tokenGroup } from './tile-geometry.ts';

/** Arguments in signature order, launch, and for split-K the workspace's protocol. */
export function linearContract(spec: SpecOf<'linear', 'cuda'>): CudaContract {
  const { problem, schedule } = spec;
  const tilesN = constant(ceilDiv(problem.n, schedule.tileN));
  const tilesM: Formula = { ceilDiv: [tokens, constant(schedule.tileM)] };
  const block = [threadsOf(schedule), 1, 1] as const;
  if (schedule.kind === 'tiled') {
    return {
      arguments: [...linearArguments(problem), tokenCount],
      launch: {
        grid: [{ min: [tilesM, constant(tokenGroup)] }, tilesN, { ceilDiv: [tilesM, constant(tokenGroup)] }],
        block,
        dynamicSharedBytes: tiledSharedBytes(schedule),
      },
    };
  }
  const slices = constant(schedule.slices + (problem.outliers > 0 ? 1 : 0));
  return {
    arguments: [...linearArguments(problem), workspaceArgument(problem, schedule), tokenCount],
    launch: {
      grid: [{ mul: [tilesM, tilesN] }, constant(1), slices],
      block,
      dynamicSharedBytes: splitKSharedBytes(problem, schedule),
    },
    workspace: {
      argument: 'workspace',
      before: 'zeroed',
      after: 'zeroed',
      sharing:
        'One launch at a time: launches that may overlap, programmatic dependent launches too, need a workspace each. Zero it again after a launch that failed.',
    },
  };
}

const tokenCount: KernelArgument = { kind: 'token-count', name: 'M' };

function workspaceArgument(problem: LinearProblem, schedule: SplitKSchedule): BufferArgument {
  const bytes = splitKWorkspaceBytes(problem, schedule);
  return {
    kind: 'buffer',
    name: 'workspace',
    dtype: 'u32',
    layout: 'split-k-workspace',
    access: 'read-write',
    shape: [{ ceilDiv: [bytes, constant(4)] }],
    bytes,
    alignment: 16,
    meaning: 'partial sums and arrival counters: zero before the first call, left zero by every call',
  };
}
