/**
 * SASS opcodes by the low 9 bits of an instruction's first word; the next 3 bits say where operands come from
 * (register, constant, immediate, uniform register) and are not needed here. Volta to Blackwell share this numbering.
 * Read against nvdisasm on sm_80, sm_90 and sm_90a, save QMMA and OMMA (single-instruction probes for sm_89, sm_120a).
 */
const names: Readonly<Record<number, string>> = {
  18: 'LOP3',
  25: 'SHF',
  32: 'FMUL',
  35: 'FFMA',
  36: 'IMAD',
  37: 'IMAD.WIDE',
  55: 'IMMA',
  60: 'HMMA',
  61: 'BMMA',
  62: 'F2FP',
  122: 'QMMA',
  127: 'OMMA',
  59: 'LDSM',
  262: 'I2F',
  280: 'NOP',
  282: 'DEPBAR',
  285: 'BAR',
  323: 'CALL',
  324: 'CALL',
  327: 'BRA',
  333: 'EXIT',
  385: 'LDG',
  387: 'LDL',
  388: 'LDS',
  390: 'STG',
  391: 'STL',
  392: 'STS',
  430: 'LDGSTS',
  431: 'LDGDEPBAR',
  496: 'HGMMA',
  497: 'IGMMA',
  499: 'QGMMA',
};

/** The matrix instructions: what a kernel is for, and what the build gate counts. */
export const mmaMnemonics = ['IMMA', 'HMMA', 'BMMA', 'QMMA', 'OMMA', 'HGMMA', 'IGMMA', 'QGMMA'] as const;
export type MmaMnemonic = (typeof mmaMnemonics)[number];

const opcodeMask = 0x1ff;

/** The mnemonic of an instruction, given the low 32 bits of its 16 bytes. */
export function sassMnemonic(word: number): string {
  const opcode = word & opcodeMask;
  return names[opcode] ?? `0x${opcode.toString(16).padStart(3, '0')}`;
}
