import type { Formula } from '../../ir/formula.ts';
import { constant, tokens } from '../../ir/formula.ts';
import type { Block, BufferLife } from '../../ir/graph.ts';
import { repetitions } from '../../ir/graph.ts';
import type { PlannedBlock, PlannedBuffer } from '../../ir/plan.ts';

/** Slots start at multiples of this: what driver allocations have, and more than any kernel argument asks for (16). */
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
  const changes = new Array<number>(block.nodes.length + 2).fill(0);
  for (const { from, to, bytesPerToken } of block.buffers ?? []) {
    changes[from] = (changes[from] ?? 0) + bytesPerToken;
    changes[to + 1] = (changes[to + 1] ?? 0) - bytesPerToken;
  }
  let live = 0;
  let peak = 0;
  for (const change of changes) {
    live += change;
    peak = Math.max(peak, live);
  }
  return peak;
}

/** Each slot as large as its largest buffer in any block, rounded up to the alignment. Slots that swap are equal. */
export function planSlots(blocks: readonly Block[]): readonly Formula[] {
  const sizes: number[] = [];
  for (const { slot, bytesPerToken } of blocks.flatMap((block) => block.buffers ?? [])) {
    sizes[slot] = Math.max(sizes[slot] ?? 0, bytesPerToken);
  }
  const swapped = swappedSlots(blocks);
  const largest = Math.max(0, ...[...swapped].map((slot) => sizes[slot] ?? 0));
  const unit = constant(slotAlignment);
  return sizes.map((size, slot) => ({
    mul: [unit, { ceilDiv: [bytesForTokens(swapped.has(slot) ? largest : size), unit] }],
  }));
}

/** Slots whose memory changes places in some repeated block: later blocks may find any of it in any of them. */
function swappedSlots(blocks: readonly Block[]): ReadonlySet<number> {
  return new Set(
    blocks.flatMap((block) => {
      const [first] = block.buffers ?? [];
      const last = block.buffers?.find(({ value }) => value === block.output);
      const swaps =
        repetitions(block) > 1 && first !== undefined && last !== undefined && first.slot !== last.slot;
      return swaps ? [first.slot, last.slot] : [];
    }),
  );
}

/** How the next repetition, or the next block, finds its input. */
export function carryOf(
  block: Block,
  buffers: readonly PlannedBuffer[],
  input: number,
  output: number,
): PlannedBlock['carry'] {
  if (buffers[input]?.slot === buffers[output]?.slot) return 'in-place';
  return repetitions(block) > 1 ? 'swap' : 'moved';
}
