import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic, DiagnosticCode } from '../diagnostics/diagnostic.ts';
import type { KernelResources } from './kernel-resources.ts';
import { type MmaMnemonic, mmaMnemonics } from './sass-opcodes.ts';

/** What the generator knows its kernel must be made of. Counts are static: instructions in the text, not executed. */
export interface GateExpectations {
  /** Matrix instructions, exactly; one not named here must not occur. */
  readonly mma: Readonly<Partial<Record<MmaMnemonic, number>>>;
  /** CALL instructions known to be harmless (division and the like). Default 0. An emulated MMA never passes. */
  readonly calls?: number;
  readonly maxRegisters?: number;
  /** Exactly: what the occupancy model counts with beside dynamic shared memory. */
  readonly staticSharedBytes?: number;
}

/**
 * Compares machine code with what was meant. ptxas emulates, serialises and spills without an error; each of these
 * makes a kernel several times slower than its schedule claims, so each is a failed build.
 */
export function gateKernel(resources: KernelResources, expected: GateExpectations): readonly Diagnostic[] {
  const { symbol, arch } = resources;
  const found: Diagnostic[] = [];
  const refuse = (code: DiagnosticCode, message: string) =>
    found.push(diagnose(code, { message: `${symbol} on ${arch}: ${message}`, file: `${symbol}.cu` }));

  const emulations = resources.subroutines.filter((name) => name.includes('mma'));
  if (emulations.length > 0)
    refuse(
      'QK642',
      `ptxas emulates the matrix instruction (${emulations.map(plainName).join(', ')}): ${arch} has none of its own`,
    );
  else {
    for (const mnemonic of mmaMnemonics) {
      const [want, have] = [expected.mma[mnemonic] ?? 0, resources.mma[mnemonic] ?? 0];
      if (want !== have) refuse('QK641', `${have} ${mnemonic} instructions, ${want} expected`);
    }
    // ptxas leaves some loops by a CALL that nothing returns from: a jump. A subroutine has a RET.
    const returns = resources.opcodes['RET'] ?? 0;
    const calls = returns === 0 && resources.subroutines.length === 0 ? 0 : (resources.opcodes['CALL'] ?? 0);
    if (calls > (expected.calls ?? 0))
      refuse(
        'QK643',
        `${calls} calls, ${expected.calls ?? 0} expected (${resources.subroutines.map(plainName).join(', ') || 'no named subroutine'})`,
      );
  }
  if (resources.spillStoreBytes > 0 || resources.spillLoadBytes > 0)
    refuse(
      'QK644',
      `${resources.spillStoreBytes} bytes of registers are spilled, ${resources.spillLoadBytes} read back (${resources.registers} registers)`,
    );
  else if (resources.stackBytes > 0 || usesLocalMemory(resources))
    refuse('QK645', `${resources.stackBytes} bytes of local memory a thread`);
  // One diagnostic a kind: ptxas repeats a note for every instruction that it concerns.
  const notes = new Map(
    resources.notes.map((note) => [note.slice(0, '(C7500)'.length), note] as const).reverse(),
  );
  for (const [kind, note] of [...notes].sort()) {
    const times = resources.notes.filter((other) => other.startsWith(kind)).length;
    const repeated = times === 1 ? '' : ` (and ${times - 1} more like it)`;
    refuse('QK646', `ptxas changed the kernel: ${note}${repeated}`);
  }
  if (expected.maxRegisters !== undefined && resources.registers > expected.maxRegisters)
    refuse('QK647', `${resources.registers} registers, at most ${expected.maxRegisters} expected`);
  const { staticSharedBytes } = expected;
  if (staticSharedBytes !== undefined && resources.staticSharedBytes !== staticSharedBytes)
    refuse(
      'QK648',
      `${resources.staticSharedBytes} bytes of static shared memory, ${staticSharedBytes} expected`,
    );
  return found;
}

function usesLocalMemory({ opcodes }: KernelResources): boolean {
  return (opcodes['LDL'] ?? 0) + (opcodes['STL'] ?? 0) > 0;
}

/** `$__internal_1_$__cuda_sm_9x_mma_…` without the numbering in front. */
function plainName(subroutine: string): string {
  return subroutine.replace(/^\$__internal_\d+_\$/, '');
}
