import type { Register } from '../parse/ptx-module.ts';
import type { ControlFlow } from './basic-blocks.ts';
import { effectsOf } from './effects.ts';

/** Uses that some path reaches without a definition. Every lane follows one path, so all others need no check. */
export interface Definitions {
  readonly isUnproven: (instruction: number, register: Register) => boolean;
  /** Registers with such a use: their definitions are recorded as the kernel runs. */
  readonly tracked: ReadonlySet<number>;
}

/** Forward definite-assignment analysis. A guarded definition does not count: it may not happen. */
export function findDefinitions({ instructions, blocks }: ControlFlow, registers: number): Definitions {
  const successors = blocks.map(({ terminator, end }, block) => {
    const last = instructions[end - 1];
    const falls = terminator.kind === 'fall' || terminator.kind === 'barrier' || last?.guard != null;
    const next = falls && block + 1 < blocks.length ? [block + 1] : [];
    return terminator.kind === 'branch' ? [...next, terminator.target] : next;
  });
  const atEntry: (Uint8Array | undefined)[] = blocks.map(() => undefined);
  atEntry[0] = new Uint8Array(registers);
  const queue = [0];
  for (let block = queue.pop(); block !== undefined; block = queue.pop()) {
    const state = Uint8Array.from(atEntry[block] ?? []);
    transfer(block, state);
    for (const successor of successors[block] ?? []) {
      const known = atEntry[successor];
      if (known === undefined) {
        atEntry[successor] = Uint8Array.from(state);
        queue.push(successor);
      } else if (meet(known, state)) queue.push(successor);
    }
  }
  const unproven = new Set<string>();
  const tracked = new Set<number>();
  for (let block = 0; block < blocks.length; block += 1) {
    const state = atEntry[block];
    if (state !== undefined) transfer(block, Uint8Array.from(state), note);
  }
  return { isUnproven: (instruction, register) => unproven.has(`${instruction} ${register.id}`), tracked };

  function note(index: number, register: Register): void {
    unproven.add(`${index} ${register.id}`);
    tracked.add(register.id);
  }

  function transfer(
    block: number,
    state: Uint8Array,
    onUnset?: (index: number, register: Register) => void,
  ): void {
    const span = blocks[block];
    for (let index = span?.first ?? 0; index < (span?.end ?? 0); index += 1) {
      const instruction = instructions[index];
      if (instruction === undefined) continue;
      const { reads, writes } = effectsOf(instruction);
      if (onUnset !== undefined)
        for (const register of reads) if (state[register.id] === 0) onUnset(index, register);
      if (instruction.guard === null) for (const register of writes) state[register.id] = 1;
    }
  }
}

/** Intersects in place; true when something changed. */
function meet(known: Uint8Array, other: Uint8Array): boolean {
  let changed = false;
  for (let i = 0; i < known.length; i += 1) {
    if (known[i] === 1 && other[i] === 0) {
      known[i] = 0;
      changed = true;
    }
  }
  return changed;
}
