import { statfsSync } from 'node:fs';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { ProcessOutcome } from '../support/run-process.ts';
import { toolFault } from './tool-fault.ts';

/** Less than the smallest kernel's intermediate files. */
const tooLittleBytes = 2 * 1024 ** 2;

/**
 * What is wrong with the machine rather than with the kernel, when a compiler failed in `folder`. On a full disk
 * nvcc speaks of "host compiler properties", cicc crashes and ptxas has an "internal error": the disk is asked.
 */
export function environmentFault(outcome: ProcessOutcome, folder: string): Diagnostic | undefined {
  if (outcome.kind === 'cancelled') return toolFault.cancelled();
  const said = 'stderr' in outcome ? outcome.stderr : '';
  if (isDiskFull(folder) || /No space left on device/.test(said))
    return toolFault.noSpace('the folder for temporary files', 'TMPDIR');
  if (/^(gcc|g\+\+): (No such file|not found|command not found)/m.test(said))
    return toolFault.noHostCompiler();
  return undefined;
}

function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < tooLittleBytes;
  } catch {
    return false;
  }
}
