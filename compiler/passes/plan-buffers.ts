import type { Block, BufferLife, GraphNode, NodeId } from '../../ir/graph.ts';
import { repetitions } from '../../ir/graph.ts';
import { inputsOf, mapBlocks, nodesById } from '../../ir/visit.ts';
import { codesRowStride, outlierRowStride, rowMetaStride } from '../reference/layouts.ts';
import { groupBy } from './group-by.ts';
import type { Pass } from './pass.ts';

/** Gives every value of a block memory for as long as it is needed; lives that do not meet share a slot. */
export const planBuffers: Pass = {
  name: 'plan-buffers',
  ensures:
    'every value but slices has buffers that live from its making to its last use, no two in a slot at once',
  run(graph) {
    const arena: Arena = { capacities: [], carried: 0 };
    return mapBlocks(graph, (block) => (block.buffers === undefined ? planBlock(block, arena) : block));
  },
  check: (graph) =>
    graph.blocks.flatMap((block) => [
      ...(block.buffers === undefined ? [`${block.name} has no buffers`] : []),
      ...overlaps(block.buffers ?? []).map((text) => `${block.name}: ${text}`),
    ]),
};

type Extent = Omit<BufferLife, 'slot'>;

/** Slots of all blocks so far: bytes per token of each, and the one in which the next block finds its input. */
interface Arena {
  readonly capacities: number[];
  carried: number;
}

function planBlock(block: Block, arena: Arena): Block {
  const byId = nodesById(block);
  const lastUse = lastUses(block, byId);
  const extents = block.nodes.flatMap((node, position): readonly Extent[] =>
    partsOf(node).map(({ part, bytesPerToken }) => ({
      value: node.id,
      part,
      bytesPerToken,
      from: position,
      to: lastUse.get(node.id) ?? position,
    })),
  );
  return { ...block, buffers: assignSlots(block, extents, rootOf(byId, block.output), arena) };
}

/** The bytes of one token's row. */
function partsOf(node: GraphNode): readonly Pick<BufferLife, 'part' | 'bytesPerToken'>[] {
  if (node.op === 'slice') return [];
  if (node.op === 'quantize') {
    const base = node.columns?.mode === 'in-place' ? node.k : node.k - node.outliers;
    const outliers = outlierRowStride(node.outliers);
    return [
      { part: 'codes', bytesPerToken: codesRowStride(base, node.bits) },
      { part: 'meta', bytesPerToken: rowMetaStride },
      ...(outliers > 0 ? [{ part: 'outliers' as const, bytesPerToken: outliers }] : []),
    ];
  }
  const bytes = node.output?.dtype === 'u32' ? 4 : 2;
  return [{ part: 'rows', bytesPerToken: (node.output?.features ?? 0) * bytes }];
}

/** The value whose memory a slice looks into. */
function rootOf(byId: ReadonlyMap<NodeId, GraphNode>, id: NodeId): NodeId {
  const node = byId.get(id);
  return node?.op === 'slice' ? rootOf(byId, node.input) : id;
}

function lastUses(block: Block, byId: ReadonlyMap<NodeId, GraphNode>): ReadonlyMap<NodeId, number> {
  const last = new Map<NodeId, number>();
  block.nodes.forEach((node, position) => {
    for (const id of inputsOf(node)) last.set(rootOf(byId, id), position);
  });
  last.set(rootOf(byId, block.output), block.nodes.length);
  return last;
}

/**
 * The input lies where the block before left it, and the output too if it can: then the next repetition finds it
 * there. The others by size, largest first, each into the free slot that fits best, so that small ones fill gaps.
 */
function assignSlots(
  block: Block,
  extents: readonly Extent[],
  output: NodeId,
  arena: Arena,
): readonly BufferLife[] {
  const placed = new Map<Extent, number>();
  const bySlot = new Map<number, Extent[]>();
  const isFree = (slot: number, extent: Extent) =>
    (bySlot.get(slot) ?? []).every((other) => other.to < extent.from || extent.to < other.from);
  const place = (extent: Extent, slot: number) => {
    placed.set(extent, slot);
    bySlot.set(slot, [...(bySlot.get(slot) ?? []), extent]);
    arena.capacities[slot] = Math.max(arena.capacities[slot] ?? 0, extent.bytesPerToken);
  };
  const [first] = extents;
  const last = extents.find(({ value }) => value === output);
  if (first !== undefined) place(first, arena.carried);
  if (last !== undefined && last.bytesPerToken === first?.bytesPerToken && isFree(arena.carried, last)) {
    place(last, arena.carried);
  }
  for (const extent of extents.toSorted((a, b) => b.bytesPerToken - a.bytesPerToken)) {
    if (!placed.has(extent)) place(extent, chooseSlot(extent, arena.capacities, isFree));
  }
  const slotOf = (extent: Extent | undefined) =>
    extent === undefined ? arena.carried : (placed.get(extent) ?? 0);
  // Where input and output change roles at each repetition, an even number of times ends where it began.
  if (repetitions(block) % 2 === 1) arena.carried = slotOf(last);
  return extents.map((extent) => ({ ...extent, slot: slotOf(extent) }));
}

/** The smallest free slot that is large enough, else the largest free one, to be grown, else a new one. */
function chooseSlot(
  extent: Extent,
  capacities: readonly number[],
  isFree: (slot: number, extent: Extent) => boolean,
): number {
  const free = [...capacities.keys()].filter((slot) => isFree(slot, extent));
  const size = (slot: number) => capacities[slot] ?? 0;
  const bySize = free.toSorted((a, b) => size(a) - size(b));
  return bySize.find((slot) => size(slot) >= extent.bytesPerToken) ?? bySize.at(-1) ?? capacities.length;
}

/** Lives of a slot in order of their start: one that starts before the last has ended is in its way. */
function overlaps(buffers: readonly BufferLife[]): readonly string[] {
  return [...groupBy(buffers, ({ slot }) => slot).values()].flatMap((lives) => {
    const sorted = lives.toSorted((a, b) => a.from - b.from);
    return sorted.flatMap((b, index) => {
      const a = sorted[index - 1];
      const meet = a !== undefined && b.from <= a.to;
      return meet ? [`%${a.value}.${a.part} and %${b.value}.${b.part} share slot ${a.slot} at once`] : [];
    });
  });
}
