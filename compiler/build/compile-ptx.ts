import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { sha256 } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { ProcessOutcome } from '../support/run-process.ts';
import type { BuildContext } from './build-context.ts';
import { environmentFault } from './environment-fault.ts';
import type { KernelSource } from './kernel-source.ts';
import { normalisePtx } from './normalise-ptx.ts';
import { aboutKernel, nvccDiagnostics } from './parse-compiler-messages.ts';
import { describeOutcome } from './tool-fault.ts';

/** What every kernel is compiled with; part of the cache key. -lineinfo ties PTX lines to .cu lines for `verify`. */
export const nvccFlags: readonly string[] = ['-std=c++17', '-O3', '-lineinfo', '-ptx'];

/** nvcc on one kernel in `folder`, a private one. The text is PTX without any trace of this machine. */
export async function compilePtx(
  source: KernelSource,
  folder: string,
  context: BuildContext,
): Promise<Result<string, readonly Diagnostic[]>> {
  const cu = `${source.id}.cu`;
  const ptx = `${source.id}.ptx`;
  writeFileSync(join(folder, cu), source.text);
  const outcome = await context.run(context.toolchain.nvcc, folder, [
    ...nvccFlags,
    `-arch=${source.virtualArch}`,
    ...['-o', ptx, cu],
  ]);
  const faults = outcome.kind === 'exited' ? nvccDiagnostics(source.id, outcome.stderr) : [];
  if (outcome.kind !== 'exited' || outcome.code !== 0) {
    const other = environmentFault(outcome, folder);
    if (other !== undefined) return fail([other]);
    return fail(faults.length > 0 ? faults : [toolRunFault('nvcc', cu, outcome)]);
  }
  if (faults.length > 0) return fail(faults);
  const text = readOutput(join(folder, ptx))?.toString('utf8');
  if (text === undefined || !/^\.version /m.test(text) || !text.includes('.entry'))
    return fail([aboutKernel(source.id, 'QK626', 'nvcc reported success but wrote no PTX')]);
  rmSync(join(folder, cu)); // ptxas would look it up and write its change time into the cubin
  return succeed(normalisePtx(text, cu, sha256(source.id + source.text).slice(0, 8)));
}

/** Why a compiler gave no result, where its own messages do not say. */
export function toolRunFault(tool: string, file: string, outcome: ProcessOutcome): Diagnostic {
  const code = outcome.kind === 'timed-out' ? 'QK622' : 'QK623';
  return diagnose(code, { message: `${tool} failed: ${describeOutcome(outcome)}`, file });
}

export function readOutput(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
