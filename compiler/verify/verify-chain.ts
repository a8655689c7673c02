import type { CallContract } from '../../ir/call-contract.ts';
import { evaluate } from '../../ir/formula.ts';
import { compileKernel, type ExecutableKernel, execute, GlobalMemory, parsePtx } from '../executor/index.ts';
import { cudaFamilies as families } from '../families/index.ts';
import { assert } from '../support/assert.ts';
import { chainBuffers } from './chain-buffers.ts';
import { makeChainData } from './chain-data.ts';
import { compareChain } from './compare-chain.ts';
import type { ChainJob, ChainVerification } from './verification.ts';

/**
 * A site's quantize and one of its linears, one after the other on the same memory, from float activations and float
 * weights: y against the unquantised layer in float64, within the scheme's own error plus the bound of the arithmetic.
 */
export function verifyChain(job: ChainJob): ChainVerification {
  const started = performance.now();
  const quantize = load(job.quantize.ptx, job.quantize.id);
  const linear = load(job.linear.ptx, job.linear.id);
  if (typeof quantize === 'string') return failed(job, quantize);
  if (typeof linear === 'string') return failed(job, linear);
  const { spec } = job.linear;
  const data = makeChainData(job.quantize.spec.problem, spec.problem, job.seed);
  const tile = families.linear.lastTile(spec, job.tokens);
  const memory = new GlobalMemory();
  const addresses = new Map<string, bigint>();
  for (const buffer of chainBuffers(job, data, tile)) addresses.set(buffer.name, memory.add(buffer));

  const rows = Array.from({ length: job.tokens }, (_, m) => m);
  const first = launch(quantize, job.quantize.contract, job, rows, memory, addresses);
  const [gridX, gridY] = gridOf(job.linear.contract, job.tokens);
  const ctas = tile.ctas.map(([x, y, z]) => x + gridX * (y + gridY * z));
  const second = launch(linear, job.linear.contract, job, ctas, memory, addresses);
  const chain = {
    quantize: job.quantize.spec.problem,
    linear: spec.problem,
    roundings: {
      quantize: families.quantize.roundings(job.quantize.spec),
      linear: families.linear.roundings(spec),
    },
  };
  const comparison = compareChain(chain, data, tile, (name, offset, length) =>
    memory.get(name).read(offset, length),
  );
  const faults = [...first.violations, ...second.violations].map(
    (violation) => `${violation.kind} at PTX line ${violation.ptxLine}: ${violation.message}`,
  );
  if (comparison.failures > 0) {
    faults.push(`${comparison.failures} of ${comparison.elements} values wrong: ${comparison.worstAt}`);
  }
  return {
    ...about(job),
    passed: faults.length === 0,
    faults,
    elements: comparison.elements,
    worst: comparison.worst,
    milliseconds: performance.now() - started,
  };
}

function load(ptx: string, id: string): ExecutableKernel | string {
  const module = parsePtx(ptx);
  if (!module.ok) return `${id}, line ${module.error.line}: ${module.error.message}`;
  const kernel = compileKernel(module.value, id);
  return kernel.ok ? kernel.value : `${id}, line ${kernel.error.line}: ${kernel.error.message}`;
}

function launch(
  kernel: ExecutableKernel,
  contract: CallContract,
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

function gridOf({ launch: { grid } }: CallContract, tokens: number): readonly [number, number, number] {
  return [evaluate(grid[0], tokens), evaluate(grid[1], tokens), evaluate(grid[2], tokens)];
}

function about(job: ChainJob): Pick<ChainVerification, 'site' | 'quantize' | 'linear' | 'tokens'> {
  return { site: job.site, quantize: job.quantize.id, linear: job.linear.id, tokens: job.tokens };
}

function failed(job: ChainJob, reason: string): ChainVerification {
  return { ...about(job), passed: false, faults: [reason], elements: 0, worst: 0, milliseconds: 0 };
}
