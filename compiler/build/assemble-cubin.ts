import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import type { BuildContext } from './build-context.ts';
import { readOutput, toolRunFault } from './compile-ptx.ts';
import { environmentFault } from './environment-fault.ts';
import { aboutKernel, ptxasDiagnostics } from './parse-compiler-messages.ts';

export interface Assembled {
  readonly cubin: Uint8Array;
  /** What ptxas printed: registers, spills, notes. */
  readonly report: string;
}

/** Part of the cache key. -lineinfo keeps the .cu lines for profilers. */
export const ptxasFlags: readonly string[] = ['-O3', '-v', '-lineinfo', '-warn-spills', '-warn-lmem-usage'];

/** ptxas on a kernel's PTX for one real architecture. */
export async function assembleCubin(
  id: string,
  ptx: string,
  arch: string,
  folder: string,
  context: BuildContext,
): Promise<Result<Assembled, readonly Diagnostic[]>> {
  const input = `${id}.${arch}.ptx`;
  const output = `${id}.${arch}.cubin`;
  writeFileSync(join(folder, input), ptx);
  const args = [...ptxasFlags, `-arch=${arch}`, '-o', output, input];
  const outcome = await context.run(context.toolchain.ptxas, folder, args, 'urgent');
  if (outcome.kind !== 'exited' || outcome.code !== 0) {
    const other = environmentFault(outcome, folder);
    if (other !== undefined) return fail([other]);
    const faults = outcome.kind === 'exited' ? ptxasDiagnostics(id, arch, outcome.stderr, ptx) : [];
    return fail(faults.length > 0 ? faults : [toolRunFault(`ptxas for ${arch}`, `${id}.cu`, outcome)]);
  }
  const cubin = readOutput(join(folder, output));
  if (cubin !== undefined) return succeed({ cubin, report: `${outcome.stdout}${outcome.stderr}\n` });
  const text = `ptxas for ${arch} reported success but wrote no cubin`;
  return fail([aboutKernel(id, 'QK626', text)]);
}
