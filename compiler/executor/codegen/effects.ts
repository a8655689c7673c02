import type { Operand, PtxInstruction, Register } from '../parse/ptx-module.ts';

/** Instructions whose first operand is not a destination. */
const NO_RESULT = new Set([
  'st',
  'red',
  'bra',
  'bar',
  'barrier',
  'cp',
  'membar',
  'fence',
  'ret',
  'exit',
  'nanosleep',
]);

export interface Effects {
  readonly reads: readonly Register[];
  readonly writes: readonly Register[];
}

function registersOf(operand: Operand): Register[] {
  if (operand.kind === 'register') return [operand.register];
  if (operand.kind === 'vector') return operand.items.flatMap(registersOf);
  if (operand.kind === 'pair') return [...registersOf(operand.first), ...registersOf(operand.second)];
  if (operand.kind === 'address' && operand.base !== null && typeof operand.base !== 'string')
    return [operand.base];
  return [];
}

/** The registers an instruction reads (its guard included) and writes. */
export function effectsOf(instruction: PtxInstruction): Effects {
  const [first, ...rest] = instruction.operands;
  const reads = rest.flatMap(registersOf);
  if (instruction.guard !== null) reads.push(instruction.guard.register);
  if (first === undefined) return { reads, writes: [] };
  if (NO_RESULT.has(instruction.opcode)) return { reads: [...registersOf(first), ...reads], writes: [] };
  return { reads, writes: registersOf(first) };
}
