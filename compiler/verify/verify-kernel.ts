import { evaluate } from '../../ir/formula.ts';
import type { FamilyName, KernelSpec, SpecOf } from '../../ir/kernel-spec.ts';
import { compileKernel, type ExecutionReport, parsePtx } from '../executor/index.ts';
import type { CtaIndex, CudaFamily } from '../families/family.ts';
import { cudaFamilies } from '../families/index.ts';
import { phaseOf } from './phase-of.ts';
import { runCase } from './run-case.ts';
import { tallyAccesses } from './tally-accesses.ts';
import type { CaseResult, KernelVerification, PlannedLaunch, VerificationJob } from './verification.ts';

/** Shared memory serves 32 banks of 4 bytes at a time. */
const wavefrontBytes = 128;

/** Runs a kernel at every token count and dataset of the job; `onProgress` hears which part is done, 0…1. Whatever is wrong becomes a fault, never an exception. */
export function verifyKernel(
  job: VerificationJob,
  onProgress: (fraction: number) => void = () => undefined,
): KernelVerification {
  const module = parsePtx(job.ptx);
  if (!module.ok) return unreadable(job, `line ${module.error.line}: ${module.error.message}`);
  const kernel = compileKernel(module.value, job.id);
  if (!kernel.ok) return unreadable(job, `line ${kernel.error.line}: ${kernel.error.message}`);

  const family = familyOf(job.spec);
  const cases: CaseResult[] = [];
  const reports: ExecutionReport[] = [];
  let expected = 0;
  let leastBytes = 0;
  for (const [index, planned] of job.launches.entries()) {
    const { tokens } = planned;
    const ctas = ctasToRun(job, family, planned);
    const datasets = family.cases(job.spec, tokens, job.seed);
    for (const [number, data] of datasets.entries()) {
      const done = (index + number / datasets.length) / job.launches.length;
      const share = 1 / datasets.length / job.launches.length;
      const run = runCase(kernel.value, job.contract, data, ctas, job.seed + number, (ran, total) =>
        onProgress(done + (share * ran) / Math.max(1, total)),
      );
      cases.push(run.result);
      reports.push(run.report);
      for (const cta of ctas) {
        const count = family.executedMma(job.spec, cta, tokens);
        expected += count.imma + count.hmma;
        leastBytes += family.leastSharedBytes(job.spec, cta, tokens);
      }
    }
  }
  const executed = reports.reduce((sum, report) => sum + report.mmaInstructions, 0);
  const faults = [...cases.flatMap((result) => caseFaults(job, result)), ...mmaFault(executed, expected)];
  return {
    id: job.id,
    passed: faults.length === 0,
    faults: [...new Set(faults)],
    cases,
    accesses: tallyAccesses(reports),
    mma: { executed, expected },
    macs: reports.reduce((sum, report) => sum + report.macs, 0),
    leastWavefronts: leastBytes / wavefrontBytes,
  };
}

/** A family's methods take its own specs; a job's spec belongs to its own family by construction. */
function familyOf(spec: KernelSpec<'cuda'>): CudaFamily<FamilyName> {
  return cudaFamilies[spec.family] as unknown as CudaFamily<FamilyName>;
}

function ctasToRun(
  job: VerificationJob,
  family: CudaFamily<FamilyName>,
  { tokens, tiles }: PlannedLaunch,
): readonly CtaIndex[] {
  if (tiles !== undefined)
    return family.sampleCtas(job.spec as SpecOf<FamilyName, 'cuda'>, tokens, tiles, job.seed);
  const [x, y, z] = job.contract.launch.grid.map((extent) => evaluate(extent, tokens));
  const all: CtaIndex[] = [];
  for (let k = 0; k < (z ?? 1); k++) {
    for (let j = 0; j < (y ?? 1); j++) for (let i = 0; i < (x ?? 1); i++) all.push([i, j, k]);
  }
  return all;
}

function caseFaults(job: VerificationJob, result: CaseResult): readonly string[] {
  const at = `M = ${result.tokens}, ${result.dataset}`;
  const faults = result.violations.map((violation) => {
    const lines = violation.source.filter(({ file }) => file.endsWith('.cu')).map(({ line }) => line);
    const place = phaseOf(job.source ?? '', lines);
    const phase = place?.phase === undefined ? '' : `, phase ${place.phase}`;
    const where = place === undefined ? '' : `, .cu line ${place.line}${phase}`;
    return `${violation.kind} at PTX line ${violation.ptxLine}${where}: ${violation.message} (${at})`;
  });
  if (result.failures > 0) {
    faults.push(`${result.failures} of ${result.elements} values wrong (${at}): ${result.worstAt}`);
  }
  if (result.elements === 0) faults.push(`nothing was compared (${at})`);
  return faults;
}

function mmaFault(executed: number, expected: number): readonly string[] {
  if (executed === expected) return [];
  return [`${executed} tensor-core instructions executed, ${expected} expected for K padded to the MMA's`];
}

function unreadable(job: VerificationJob, reason: string): KernelVerification {
  const faults = [`the executor cannot run this PTX: ${reason}`];
  return {
    id: job.id,
    passed: false,
    faults,
    cases: [],
    accesses: [],
    mma: { executed: 0, expected: 0 },
    macs: 0,
    leastWavefronts: 0,
  };
}
