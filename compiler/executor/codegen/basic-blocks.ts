import { type Operand, type PtxEntry, PtxFault, type PtxInstruction } from '../parse/ptx-module.ts';

/** How a block ends. Lanes for which the block's function answers "yes" take the branch, leave, or wait. */
export type Terminator =
  | { readonly kind: 'fall' }
  | { readonly kind: 'branch'; readonly target: number }
  | { readonly kind: 'exit' }
  | {
      readonly kind: 'barrier';
      readonly aligned: boolean;
      readonly id: Operand;
      readonly count: Operand | undefined;
    };

export interface BasicBlock {
  /** Instructions [first, end) of the kernel; the terminator, if it is an instruction, is the last. */
  readonly first: number;
  readonly end: number;
  readonly terminator: Terminator;
}

export interface ControlFlow {
  readonly instructions: readonly PtxInstruction[];
  readonly blocks: readonly BasicBlock[];
}

function isBlockingBarrier({ opcode, modifiers }: PtxInstruction): boolean {
  return (
    (opcode === 'bar' || opcode === 'barrier') && modifiers.includes('sync') && !modifiers.includes('warp')
  );
}

/** Cuts a kernel into basic blocks, in the order of the text: a block's number is its program counter. */
export function buildBlocks(entry: PtxEntry): ControlFlow {
  const instructions: PtxInstruction[] = [];
  const labelAt = new Map<string, number>();
  const starts = new Set([0]);
  for (const statement of entry.statements) {
    if (statement.kind === 'label') {
      labelAt.set(statement.name, instructions.length);
      starts.add(instructions.length);
      continue;
    }
    const { instruction } = statement;
    instructions.push(instruction);
    const ends = ['bra', 'ret', 'exit'].includes(instruction.opcode) || isBlockingBarrier(instruction);
    if (ends) starts.add(instructions.length);
  }
  const ordered = [...starts].filter((start) => start < instructions.length).sort((a, b) => a - b);
  const blockAt = new Map(ordered.map((start, block) => [start, block]));
  const blocks = ordered.map((first, block) => {
    const end = ordered[block + 1] ?? instructions.length;
    const last = instructions[end - 1];
    return { first, end, terminator: last === undefined ? { kind: 'fall' as const } : terminatorOf(last) };
  });
  const lastBlock = blocks.at(-1);
  if (
    lastBlock === undefined ||
    (lastBlock.terminator.kind !== 'exit' && lastBlock.terminator.kind !== 'branch')
  )
    throw new PtxFault(entry.line, `${entry.name} does not end with ret`);
  return { instructions, blocks };

  function terminatorOf(last: PtxInstruction): Terminator {
    if (last.opcode === 'ret' || last.opcode === 'exit') return { kind: 'exit' };
    if (isBlockingBarrier(last)) return barrierOf(last);
    if (last.opcode !== 'bra') return { kind: 'fall' };
    const [label] = last.operands;
    const at = label?.kind === 'label' ? labelAt.get(label.name) : undefined;
    if (at === undefined) throw new PtxFault(last.line, 'branch to an unknown label');
    const target = blockAt.get(at);
    if (target === undefined) throw new PtxFault(last.line, 'branch past the end of the kernel');
    if (last.modifiers.some((m) => m !== 'uni'))
      throw new PtxFault(last.line, `not supported: ${last.spelling}`);
    return { kind: 'branch', target };
  }
}

/** bar.sync a{, b} is barrier.sync.aligned (PTX ISA 9.7.13.1). */
function barrierOf(instruction: PtxInstruction): Terminator {
  const rest = instruction.modifiers.filter((m) => m !== 'sync' && m !== 'aligned' && m !== 'cta');
  const [id, count] = instruction.operands;
  if (rest.length > 0 || id === undefined)
    throw new PtxFault(instruction.line, `not supported: ${instruction.spelling}`);
  const aligned = instruction.opcode === 'bar' || instruction.modifiers.includes('aligned');
  return { kind: 'barrier', aligned, id, count };
}
