import type { Block, BufferLife, GraphNode, NodeId } from '../../ir/graph.ts';
import { inputsOf, mapBlocks, nodesById } from '../../ir/visit.ts';
import { roundUp } from '../support/integer.ts';
import type { Pass } from './pass.ts';

/** Gives every value of a block memory for as long as it is needed; lives that do not meet share a slot. */
export const planBuffers: Pass = {
  name: 'plan-buffers',
  ensures:
    'every value but slices has buffers that live from its making to its last use, no two in a slot at once',
  run: (graph) => mapBlocks(graph, (block) => (block.buffers === undefined ? planBlock(block) : block)),
  check: (graph) =>
    graph.blocks.flatMap((block) => [
      ...(block.buffers === undefined ? [`${block.name} has no buffers`] : []),
      ...overlaps(block.buffers ?? []).map((text) => `${block.name}: ${text}`),
    ]),
};

type Extent = Omit<BufferLife, 'slot'>;

function planBlock(block: Block): Block {
  const lastUse = lastUses(block);
  const extents = block.nodes.flatMap((node, position): readonly Extent[] =>
    partsOf(node).map(({ part, bytesPerToken }) => ({
      value: node.id,
      part,
      bytesPerToken,
      from: position,
      to: lastUse.get(node.id) ?? position,
    })),
  );
  return { ...block, buffers: assignSlots(extents, rootOf(block, block.output)) };
}

/** The bytes of one token's row. Codes and outliers are padded as the kernels need them (DESIGN §6). */
function partsOf(node: GraphNode): readonly Pick<BufferLife, 'part' | 'bytesPerToken'>[] {
  if (node.op === 'slice') return [];
  if (node.op === 'quantize') {
    const base = node.columns?.mode === 'in-place' ? node.k : node.k - node.outliers;
    const codes = (roundUp(base, node.bits === 4 ? 64 : 32) * node.bits) / 8;
    const outliers = roundUp(node.outliers, 16) * 2;
    return [
      { part: 'codes', bytesPerToken: codes },
      { part: 'meta', bytesPerToken: 8 },
      ...(outliers > 0 ? [{ part: 'outliers' as const, bytesPerToken: outliers }] : []),
    ];
  }
  const bytes = node.output?.dtype === 'u32' ? 4 : 2;
  return [{ part: 'rows', bytesPerToken: (node.output?.features ?? 0) * bytes }];
}

/** The value whose memory a slice looks into. */
function rootOf(block: Block, id: NodeId): NodeId {
  const node = nodesById(block).get(id);
  return node?.op === 'slice' ? rootOf(block, node.input) : id;
}

function lastUses(block: Block): ReadonlyMap<NodeId, number> {
  const last = new Map<NodeId, number>();
  block.nodes.forEach((node, position) => {
    for (const id of inputsOf(node)) last.set(rootOf(block, id), position);
  });
  last.set(rootOf(block, block.output), block.nodes.length);
  return last;
}

/**
 * In order of making: the free slot that fits best, else the largest free one grown, else a new one. The block's
 * output prefers the input's slot, where the next repetition looks for it.
 */
function assignSlots(extents: readonly Extent[], output: NodeId): readonly BufferLife[] {
  const slots: { bytes: number; busyUntil: number }[] = [];
  return extents.map((extent) => {
    const free = slots.filter((slot) => slot.busyUntil < extent.from);
    const carry = extent.value === output ? free.find((slot) => slot === slots[0]) : undefined;
    const fitting = free
      .filter((slot) => slot.bytes >= extent.bytesPerToken)
      .toSorted((a, b) => a.bytes - b.bytes);
    const largest = free.toSorted((a, b) => b.bytes - a.bytes)[0];
    let slot = carry ?? fitting[0] ?? largest;
    if (slot === undefined) {
      slot = { bytes: 0, busyUntil: -1 };
      slots.push(slot);
    }
    slot.bytes = Math.max(slot.bytes, extent.bytesPerToken);
    slot.busyUntil = extent.to;
    return { ...extent, slot: slots.indexOf(slot) };
  });
}

function overlaps(buffers: readonly BufferLife[]): readonly string[] {
  return buffers.flatMap((a, index) =>
    buffers
      .slice(index + 1)
      .filter((b) => a.slot === b.slot && a.from <= b.to && b.from <= a.to)
      .map((b) => `%${a.value}.${a.part} and %${b.value}.${b.part} share slot ${a.slot} at once`),
  );
}
