import type { BufferSpec } from '../executor/index.ts';
import type { OutputTile } from '../families/family.ts';
import { cudaFamilies as families } from '../families/index.ts';
import { chainBuffers } from './chain-buffers.ts';
import { makeChainData } from './chain-data.ts';
import { compareChain } from './compare-chain.ts';
import type { ChainJob, ChainVerification } from './verification.ts';

/** Data for a chain, and the verdict on what came of it, wherever its kernels run. */
export interface ChainCase {
  /** Every argument of both kernels by name. */
  readonly buffers: readonly BufferSpec[];
  /** What is compared: the last channels and tokens. */
  readonly tile: OutputTile;
  conclude(faults: readonly string[], read: ReadBuffer): ChainVerification;
}

type ReadBuffer = (name: string, offset: number, length: number) => Uint8Array;

/**
 * A site's quantize and one of its linears, one after the other on the same memory, from float activations and float
 * weights: y against the unquantised layer in float64, within the scheme's own error plus the bound of the arithmetic.
 */
export function makeChainCase(job: ChainJob): ChainCase {
  const started = performance.now();
  const { spec } = job.linear;
  const data = makeChainData(job.quantize.spec.problem, spec.problem, job.seed);
  const tile = families.linear.lastTile(spec, job.tokens);
  const chain = {
    quantize: job.quantize.spec.problem,
    linear: spec.problem,
    roundings: {
      quantize: families.quantize.roundings(job.quantize.spec),
      linear: families.linear.roundings(spec),
    },
  };
  return {
    buffers: chainBuffers(job, data, tile),
    tile,
    conclude(faults, read) {
      const { failures, elements, worst, worstAt } = compareChain(chain, data, tile, read);
      const all = failures > 0 ? [...faults, `${failures} of ${elements} values wrong: ${worstAt}`] : faults;
      const milliseconds = performance.now() - started;
      return { ...about(job), passed: all.length === 0, faults: all, elements, worst, milliseconds };
    },
  };
}

/** A chain that could not be run. */
export function failedChain(job: ChainJob, reason: string): ChainVerification {
  return { ...about(job), passed: false, faults: [reason], elements: 0, worst: 0, milliseconds: 0 };
}

function about(job: ChainJob): Pick<ChainVerification, 'site' | 'quantize' | 'linear' | 'tokens'> {
  return { site: job.site, quantize: job.quantize.id, linear: job.linear.id, tokens: job.tokens };
}
