import { fail, type Result, succeed } from '../support/result.ts';
import type { KernelResources } from './kernel-resources.ts';
import { parsePtxasReport } from './parse-ptxas-report.ts';
import { type KernelCode, readCubin } from './read-cubin.ts';
import { type MmaMnemonic, mmaMnemonics } from './sass-opcodes.ts';

/** The resources of every kernel in a cubin: ptxas's report joined with what the machine code shows. */
export function describeKernels(
  arch: string,
  cubin: Uint8Array,
  report: string,
): Result<readonly KernelResources[], string> {
  const code = readCubin(cubin);
  if (!code.ok) return fail(`the cubin for ${arch} is unreadable: ${code.error}`);
  const { kernels, notes, warnings } = parsePtxasReport(report);
  if (warnings.length > 0) return fail(`ptxas for ${arch} warns: ${warnings.join('; ')}`);
  const described: KernelResources[] = [];
  for (const kernel of kernels) {
    const counted = code.value.find(({ symbol }) => symbol === kernel.symbol);
    if (counted === undefined) return fail(`the cubin for ${arch} has no code for ${kernel.symbol}`);
    const { instructions, opcodes, subroutines } = counted;
    described.push({
      ...kernel,
      arch,
      instructions,
      opcodes,
      mma: mmaCounts(counted),
      subroutines,
      notes: notesOn(kernel.symbol, notes),
    });
  }
  if (described.length === 0) return fail(`ptxas for ${arch} reported on no kernel`);
  return succeed(described);
}

/** A note names its function in quotes; one that does not is held against every kernel of the unit. */
function notesOn(symbol: string, notes: readonly string[]): readonly string[] {
  return notes.filter((note) => !/function '[^']*'/.test(note) || note.includes(`'${symbol}'`));
}

function mmaCounts({ opcodes }: KernelCode): Partial<Record<MmaMnemonic, number>> {
  const counts: Partial<Record<MmaMnemonic, number>> = {};
  for (const mnemonic of mmaMnemonics) {
    const count = opcodes[mnemonic];
    if (count !== undefined) counts[mnemonic] = count;
  }
  return counts;
}
