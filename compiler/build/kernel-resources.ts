import type { MmaMnemonic } from './sass-opcodes.ts';

/** What one kernel of a cubin uses, from ptxas's report and from the machine code itself. */
export interface KernelResources {
  readonly symbol: string;
  /** Real architecture, e.g. "sm_80". */
  readonly arch: string;
  readonly registers: number;
  readonly stackBytes: number;
  readonly spillStoreBytes: number;
  readonly spillLoadBytes: number;
  readonly staticSharedBytes: number;
  readonly barriers: number;
  /** Instructions in its section, subroutines and closing NOPs included. */
  readonly instructions: number;
  /** Static count of each opcode; those without a name in sass-opcodes.ts as "0x" and its 9-bit number. */
  readonly opcodes: Readonly<Record<string, number>>;
  readonly mma: Readonly<Partial<Record<MmaMnemonic, number>>>;
  /** Subroutines that ptxas added to the kernel, by name: division, emulated instructions. */
  readonly subroutines: readonly string[];
  /** ptxas's C75xx notes: it mended or dropped something in silence. */
  readonly notes: readonly string[];
}
