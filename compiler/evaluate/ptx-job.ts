import type { LaunchContract } from '../../ir/call-contract.ts';
import { compileKernel, type ExecutableKernel, execute, GlobalMemory, parsePtx } from '../executor/index.ts';
import { assert } from '../support/assert.ts';

/** Some CTAs of one launch of a kernel, for a thread. What is large is in shared memory. */
export interface PtxJob {
  readonly id: string;
  readonly ptx: string;
  readonly grid: readonly [number, number, number];
  readonly launch: Pick<LaunchContract, 'block' | 'dynamicSharedBytes'>;
  /** In signature order. */
  readonly arguments: readonly PtxArgument[];
  /** By linear index; in this order. */
  readonly ctas: readonly number[];
  /** Becomes a sentence in UTF-8 where the kernel went wrong; its length, in two bytes, stands before it. */
  readonly fault: Uint8Array;
}

export type PtxArgument =
  | { readonly kind: 'count'; readonly value: number }
  | { readonly kind: 'input'; readonly name: string; readonly bytes: Uint8Array }
  /** `bytes` are filled with what was written, and {@link unwritten} elsewhere. */
  | { readonly kind: 'output'; readonly name: string; readonly bytes: Uint8Array }
  /** Zeros. */
  | { readonly kind: 'workspace'; readonly name: string; readonly size: number };

/** What stands in an output before the launch: NaN in any format, so that nobody takes it for a result. */
export const unwritten = 0xff;

/** Room for a sentence. */
export const faultBytes = 1024;

const compiled = new Map<string, ExecutableKernel | string>();

/** Executes the job's CTAs without shadow memory: bounds and alignment are checked, races and unset reads are verify's. */
export function runPtxJob(job: PtxJob): void {
  const kernel = compiled.get(job.id) ?? load(job.ptx, job.id);
  compiled.set(job.id, kernel);
  if (typeof kernel === 'string') {
    tell(job, kernel);
    return;
  }
  const memory = new GlobalMemory();
  const values = job.arguments.map((argument) => {
    if (argument.kind === 'count') return argument.value;
    const { name } = argument;
    if (argument.kind === 'input') {
      const { bytes } = argument;
      const fill = (at: number, into: Uint8Array) => into.set(bytes.subarray(at, at + into.length));
      return memory.add({ name, bytes: bytes.length, access: 'input', fill });
    }
    const [bytes, value] =
      argument.kind === 'output' ? [argument.bytes.length, unwritten] : [argument.size, 0];
    return memory.add({ name, bytes, access: 'workspace', fill: (_, into) => into.fill(value) });
  });
  const { grid, launch, ctas } = job;
  const report = execute(kernel, { ...launch, grid, arguments: values }, memory, {
    ...{ checks: false, ctas, inOrder: true },
  });
  const [first] = report.violations;
  if (first !== undefined)
    tell(job, `${first.kind} at PTX line ${first.ptxLine} of ${job.id}: ${first.message}`);
  for (const argument of job.arguments)
    if (argument.kind === 'output')
      argument.bytes.set(memory.get(argument.name).read(0, argument.bytes.length));
}

function load(ptx: string, id: string): ExecutableKernel | string {
  const module = parsePtx(ptx);
  if (!module.ok) return `${id}, line ${module.error.line}: ${module.error.message}`;
  const kernel = compileKernel(module.value, id);
  return kernel.ok ? kernel.value : `${id}, line ${kernel.error.line}: ${kernel.error.message}`;
}

function tell({ fault }: PtxJob, sentence: string): void {
  const text = Buffer.from(sentence).subarray(0, fault.length - 2);
  assert(text.length > 0, 'a fault has words');
  fault.set(text, 2);
  fault.set([text.length & 255, text.length >> 8], 0);
}

/** What a job says went wrong. */
export function faultOf({ fault }: PtxJob): string | undefined {
  const length = (fault[0] ?? 0) | ((fault[1] ?? 0) << 8);
  return length === 0 ? undefined : Buffer.from(fault.subarray(2, 2 + length)).toString('utf8');
}
