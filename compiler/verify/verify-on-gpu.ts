import type { CallContract } from '../../ir/call-contract.ts';
import type { FamilyName, SpecOf } from '../../ir/kernel-spec.ts';
import type { DeviceArgument, DeviceBuffer, DeviceJob } from '../device/device-job.ts';
import type { DeviceReply } from '../device/run-on-device.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { BufferSpec } from '../executor/index.ts';
import type { CudaFamily } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import type { Result } from '../support/result.ts';
import { extentOf, makeContent, readerOf, toCaseJob } from './case-job.ts';
import { failedChain, makeChainCase } from './chain-case.ts';
import type {
  CaseResult,
  ChainJob,
  ChainVerification,
  KernelVerification,
  VerificationJob,
} from './verification.ts';

/** What runs a job on a GPU. */
export type RunJob = (job: DeviceJob) => Promise<Result<DeviceReply, Diagnostic>>;

/**
 * Runs a kernel's whole grid on a GPU at every token count and dataset of the job, and compares sampled tiles with the
 * oracle. A GPU says nothing of races and unset reads, so none are claimed here; writes beside a buffer are seen.
 */
export async function verifyKernelOnGpu(
  job: VerificationJob,
  run: RunJob,
  onProgress: (fraction: number) => void = () => undefined,
): Promise<KernelVerification> {
  const family = cudaFamilies[job.spec.family] as unknown as CudaFamily<FamilyName>;
  const spec = job.spec as SpecOf<FamilyName, 'cuda'>;
  const cases: CaseResult[] = [];
  const faults: string[] = [];
  for (const [index, { tokens, tiles = Number.POSITIVE_INFINITY }] of job.launches.entries()) {
    const ctas = family.sampleCtas(spec, tokens, tiles, job.seed);
    for (const data of family.cases(spec, tokens, job.seed)) {
      const at = `M = ${tokens}, ${data.name}`;
      const started = performance.now();
      const reply = await run(toCaseJob(job.id, job.contract, data, job.ptx));
      const executed = performance.now();
      if (!reply.ok) {
        faults.push(`${reply.error.message} (${at})`);
        continue;
      }
      const comparison = data.compare(readerOf(data, reply.value), ctas, 'whole-grid');
      const { failures, elements, worstAt } = comparison;
      if (failures > 0) faults.push(`${failures} of ${elements} values wrong (${at}): ${worstAt}`);
      if (elements === 0) faults.push(`nothing was compared (${at})`);
      cases.push({
        ...{ tokens, dataset: data.name, ctas: ctas.length, violations: [], ...comparison },
        macs: family.verificationCost(spec, tokens),
        ...{ executeMs: executed - started, oracleMs: performance.now() - executed },
      });
    }
    onProgress((index + 1) / job.launches.length);
  }
  return {
    ...{ id: job.id, passed: faults.length === 0, faults: [...new Set(faults)], cases },
    ...{ accesses: [], mma: { executed: 0, expected: 0 }, leastWavefronts: 0 },
    macs: cases.reduce((sum, { macs }) => sum + macs, 0),
  };
}

/** A chain on a GPU: both kernels one after the other, whole grids; what the executor compares is compared. */
export async function verifyChainOnGpu(job: ChainJob, run: RunJob): Promise<ChainVerification> {
  const chain = makeChainCase(job);
  const at = new Map(chain.buffers.map(({ name }, index) => [name, index]));
  const reply = await run({
    modules: [job.quantize.ptx, job.linear.ptx],
    buffers: chain.buffers.map(toDeviceBuffer),
    launches: [job.quantize, job.linear].map(({ id, contract }, module) => ({
      ...{ module, symbol: id, grid: extentOf(contract, job.tokens), block: contract.launch.block },
      dynamicSharedBytes: contract.launch.dynamicSharedBytes,
      arguments: argumentsOf(contract, job.tokens, at),
    })),
  });
  if (!reply.ok) return failedChain(job, reply.error.message);
  const { outputs } = reply.value;
  return chain.conclude([], (name, offset, length) =>
    (outputs.get(at.get(name) ?? -1) ?? new Uint8Array()).slice(offset, offset + length),
  );
}

function toDeviceBuffer({ bytes, access, data, fill }: BufferSpec): DeviceBuffer {
  const content = data ?? makeContent({ bytes, ...(fill === undefined ? {} : { fill }) });
  return { bytes, content, download: access !== 'input' };
}

function argumentsOf(
  { arguments: list }: CallContract,
  tokens: number,
  at: ReadonlyMap<string, number>,
): readonly DeviceArgument[] {
  return list.map((argument) =>
    argument.kind === 'token-count' ? { type: 'i32', value: tokens } : { buffer: at.get(argument.name) ?? 0 },
  );
}
