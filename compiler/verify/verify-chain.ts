import type { CudaContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import { compileKernel, type ExecutableKernel, execute, GlobalMemory, parsePtx } from '../executor/index.ts';
import { assert } from '../support/assert.ts';
import { type ChainCase, failedChain, makeChainCase } from './chain-case.ts';
import type { ChainJob, ChainVerification } from './verification.ts';

/** A chain on the PTX executor: all rows of the quantize, and the linear's last tile, on the same memory. */
export function verifyChain(job: ChainJob): ChainVerification {
  const quantize = load(job.quantize.ptx, job.quantize.id);
  const linear = load(job.linear.ptx, job.linear.id);
  if (typeof quantize === 'string') return failedChain(job, quantize);
  if (typeof linear === 'string') return failedChain(job, linear);
  const chain = makeChainCase(job);
  const memory = new GlobalMemory();
  const addresses = new Map<string, bigint>();
  for (const buffer of chain.buffers) addresses.set(buffer.name, memory.add(buffer));

  const rows = Array.from({ length: job.tokens }, (_, m) => m);
  const first = launch(quantize, job.quantize.contract, job, rows, memory, addresses);
  const second = launch(linear, job.linear.contract, job, ctasOf(job, chain), memory, addresses);
  const faults = [...first.violations, ...second.violations].map(
    (violation) => `${violation.kind} at PTX line ${violation.ptxLine}: ${violation.message}`,
  );
  return chain.conclude(faults, (name, offset, length) => memory.get(name).read(offset, length));
}

function ctasOf({ linear, tokens }: ChainJob, { tile }: ChainCase): readonly number[] {
  const [gridX, gridY] = gridOf(linear.contract, tokens);
  return tile.ctas.map(([x, y, z]) => x + gridX * (y + gridY * z));
}

function load(ptx: string, id: string): ExecutableKernel | string {
  const module = parsePtx(ptx);
  if (!module.ok) return `${id}, line ${module.error.line}: ${module.error.message}`;
  const kernel = compileKernel(module.value, id);
  return kernel.ok ? kernel.value : `${id}, line ${kernel.error.line}: ${kernel.error.message}`;
}

function launch(
  kernel: ExecutableKernel,
  contract: CudaContract,
  job: ChainJob,
  ctas: readonly number[],
  memory: GlobalMemory,
  addresses: ReadonlyMap<string, bigint>,
) {
  const { block, dynamicSharedBytes } = contract.launch;
  const values = contract.arguments.map((argument) => {
    if (argument.kind === 'token-count') return job.tokens;
    const address = addresses.get(argument.name);
    assert(address !== undefined, `the chain has a buffer for ${argument.name}`);
    return address;
  });
  return execute(
    kernel,
    { grid: gridOf(contract, job.tokens), block, dynamicSharedBytes, arguments: values },
    memory,
    {
      seed: job.seed,
      ctas,
    },
  );
}

function gridOf({ launch: { grid } }: CudaContract, tokens: number): readonly [number, number, number] {
  return [evaluate(grid[0], tokens), evaluate(grid[1], tokens), evaluate(grid[2], tokens)];
}
