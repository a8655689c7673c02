import type { CudaContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import { type ExecutableKernel, type ExecutionReport, execute, GlobalMemory } from '../executor/index.ts';
import type { CtaIndex, VerificationCase } from '../families/family.ts';
import { assert } from '../support/assert.ts';
import type { CaseResult } from './verification.ts';

/** Warp instructions of a CTA after which it counts as hung: the largest emitted kernels execute a few million. */
const stepLimit = 1e7;

export interface CaseRun {
  readonly result: CaseResult;
  readonly report: ExecutionReport;
}

/** Executes one launch of `kernel` on a case's data, `ctas` only, and compares what they wrote with the oracle. */
export function runCase(
  kernel: ExecutableKernel,
  contract: CudaContract,
  data: VerificationCase,
  ctas: readonly CtaIndex[],
  seed: number,
  onProgress?: (done: number, total: number) => void,
): CaseRun {
  const memory = new GlobalMemory();
  const values = new Map<string, bigint>();
  for (const buffer of data.buffers) {
    const { argument, bytes, access, fill } = buffer;
    values.set(
      argument,
      memory.add({ name: argument, bytes, access, ...(fill === undefined ? {} : { fill }) }),
    );
  }
  const argumentsInOrder = contract.arguments.map((argument) => {
    if (argument.kind === 'token-count') return data.m;
    const address = values.get(argument.name);
    assert(address !== undefined, `case ${data.name} has a buffer for ${argument.name}`);
    return address;
  });
  const { grid, block, dynamicSharedBytes } = contract.launch;
  const extent = [evaluate(grid[0], data.m), evaluate(grid[1], data.m), evaluate(grid[2], data.m)] as const;
  const linear = ctas.map(([x, y, z]) => x + extent[0] * (y + extent[1] * z));
  const started = performance.now();
  const report = execute(
    kernel,
    { grid: extent, block, dynamicSharedBytes, arguments: argumentsInOrder },
    memory,
    { seed, ctas: linear, stepLimit, ...(onProgress === undefined ? {} : { onProgress }) },
  );
  const executed = performance.now();
  const comparison = data.compare((name, offset, length) => memory.get(name).read(offset, length), ctas);
  const compared = performance.now();
  return {
    report,
    result: {
      tokens: data.m,
      dataset: data.name,
      ctas: ctas.length,
      macs: report.macs,
      elements: comparison.elements,
      failures: comparison.failures,
      worst: comparison.worst,
      worstAt: comparison.worstAt,
      notes: comparison.notes,
      violations: report.violations,
      executeMs: executed - started,
      oracleMs: compared - executed,
    },
  };
}
