/**
 * SASS opcodes by the low 9 bits of an instruction's first word; the next 3 bits say where operands come from
 * (register, constant, immediate, uniform register) and are not needed here. Volta to Blackwell share this numbering.
 * Read against nvdisasm on sm_80, sm_90 and sm_90a, save QMMA and OMMA (single-instruction probes for sm_89 and
 * sm_120a) and 0x143, the absolute CALL, which ptxas was not seen to emit.
 */
const names: ReadonlyMap<number, string> = new Map([
  [0x012, 'LOP3'],
  [0x019, 'SHF'],
  [0x020, 'FMUL'],
  [0x023, 'FFMA'],
  [0x024, 'IMAD'],
  [0x025, 'IMAD.WIDE'],
  [0x037, 'IMMA'],
  [0x03b, 'LDSM'],
  [0x03c, 'HMMA'],
  [0x03d, 'BMMA'],
  [0x03e, 'F2FP'],
  [0x07a, 'QMMA'],
  [0x07f, 'OMMA'],
  [0x106, 'I2F'],
  [0x118, 'NOP'],
  [0x11a, 'DEPBAR'],
  [0x11d, 'BAR'],
  [0x143, 'CALL'],
  [0x144, 'CALL'],
  [0x147, 'BRA'],
  [0x14d, 'EXIT'],
  [0x150, 'RET'],
  [0x181, 'LDG'],
  [0x183, 'LDL'],
  [0x184, 'LDS'],
  [0x186, 'STG'],
  [0x187, 'STL'],
  [0x188, 'STS'],
  [0x1ae, 'LDGSTS'],
  [0x1af, 'LDGDEPBAR'],
  [0x1f0, 'HGMMA'],
  [0x1f1, 'IGMMA'],
  [0x1f3, 'QGMMA'],
]);

/** The matrix instructions: what a kernel is for, and what the build gate counts. */
export const mmaMnemonics = ['IMMA', 'HMMA', 'BMMA', 'QMMA', 'OMMA', 'HGMMA', 'IGMMA', 'QGMMA'] as const;
export type MmaMnemonic = (typeof mmaMnemonics)[number];

const opcodeMask = 0x1ff;

/** The mnemonic of an instruction, given the low 32 bits of its 16 bytes. */
export function sassMnemonic(word: number): string {
  const opcode = word & opcodeMask;
  return names.get(opcode) ?? `0x${opcode.toString(16).padStart(3, '0')}`;
}
