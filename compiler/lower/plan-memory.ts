import type { Formula } from '../../ir/formula.ts';
import { constant, tokens } from '../../ir/formula.ts';
import type { Block, BufferLife } from '../../ir/graph.ts';
import type { PlannedBlock, PlannedBuffer } from '../../ir/plan.ts';

/** Slots start at multiples of this: the alignment that every kernel argument and every driver allocation has. */
const slotAlignment = 256;

export function bytesForTokens(bytesPerToken: number): Formula {
  return { mul: [constant(bytesPerToken), tokens] };
}

/** The buffers of a block as formulas in M. */
export function planBlockBuffers(buffers: readonly BufferLife[]): readonly PlannedBuffer[] {
  return buffers.map(({ value, part, bytesPerToken, slot, from, to }) => ({
    name: part === 'rows' ? value : `${value}.${part}`,
    bytes: bytesForTokens(bytesPerToken),
    slot,
    from,
    to,
  }));
}

/** Most bytes of one token that are live at once. */
export function peakPerToken(block: Block): number {
  const buffers = block.buffers ?? [];
  const loads = block.nodes.map((_, position) =>
    buffers
      .filter(({ from, to }) => from <= position && position <= to)
      .reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0),
  );
  return Math.max(0, ...loads);
}

/** Each slot as large as its largest buffer in any block, rounded up to the alignment. */
export function planSlots(blocks: readonly Block[]): readonly Formula[] {
  const sizes: number[] = [];
  for (const { slot, bytesPerToken } of blocks.flatMap((block) => block.buffers ?? [])) {
    sizes[slot] = Math.max(sizes[slot] ?? 0, bytesPerToken);
  }
  const unit = constant(slotAlignment);
  return sizes.map((size) => ({ mul: [unit, { ceilDiv: [bytesForTokens(size), unit] }] }));
}

/** Whether the next repetition finds its input where this one left its output. */
export function carryOf(
  buffers: readonly PlannedBuffer[],
  input: number,
  output: number,
): PlannedBlock['carry'] {
  return buffers[input]?.slot === buffers[output]?.slot ? 'in-place' : 'swap';
}
