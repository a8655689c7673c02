import type { Block, GraphNode, LinearNode, NodeId, Op } from '../../ir/graph.ts';
import { nodeId, outputChannels } from '../../ir/graph.ts';
import { isQuantised } from '../../ir/quant-scheme.ts';
import { mapBlocks, usersOf } from '../../ir/visit.ts';
import { canonicalJson } from '../support/hash.ts';
import { groupBy } from './group-by.ts';
import { mergeNames } from './merge-names.ts';
import type { Pass, PassContext } from './pass.ts';

/** Makes one linear of those that differ in their weights alone: q/k/v, gate/up. Slices take their names. */
export const mergeProjections: Pass = {
  name: 'merge-projections',
  ensures: 'no two quantised linears of a block share input, scheme, outlier columns and tokens',
  run: (graph, context) => mapBlocks(graph, (block) => mergeBlock(block, context)),
  check: (graph) =>
    graph.blocks.flatMap((block) =>
      groupsOf(block)
        .filter((group) => group.length > 1)
        .map((group) => `${block.name}: ${group.map(({ id }) => `%${id}`).join(' and ')} could be one`),
    ),
};

/** Everything that must be equal: the outlier columns are part of the scheme, whether they are cut out is not. */
function mergeKey(node: LinearNode): string {
  return canonicalJson([node.input, node.k, node.scheme, node.request.columnMode, node.shard, node.tokens]);
}

/** Readers that can take columns of a wider row. Kernels read whole rows: a linear, or a norm or add that fuses. */
const sliceReaders: ReadonlySet<Op> = new Set([
  'head-norm',
  'rope',
  'attention',
  'activation',
  'gated-activation',
  'slice',
]);

function canBeSlice(block: Block, node: LinearNode, readers: readonly GraphNode[]): boolean {
  return block.output !== node.id && readers.every((reader) => sliceReaders.has(reader.op));
}

function groupsOf(block: Block): readonly (readonly LinearNode[])[] {
  const users = usersOf(block);
  const linears = block.nodes
    .filter((node) => node.op === 'linear')
    .filter((node) => isQuantised(node.scheme) && canBeSlice(block, node, users.get(node.id) ?? []));
  return [...groupBy(linears, mergeKey).values()];
}

function mergeBlock(block: Block, context: PassContext): Block {
  const groups = groupsOf(block);
  noteMissed(block, groups, context);
  const merged = new Map<NodeId, readonly GraphNode[]>();
  const taken = new Set<string>(block.nodes.map(({ id }) => id));
  const ups = new Set(block.nodes.flatMap((node) => (node.op === 'gated-activation' ? [node.up] : [])));
  for (const group of groups.filter(({ length }) => length > 1)) {
    const [first] = group;
    if (first === undefined) continue;
    for (const node of group) merged.set(node.id, []);
    merged.set(first.id, mergeGroup(gatesFirst(group, ups), first, taken));
  }
  if (merged.size === 0) return block;
  return { ...block, nodes: block.nodes.flatMap((node) => merged.get(node.id) ?? [node]) };
}

/** silu-mul reads [gate; up], so what a gated activation calls up comes after its gate. */
function gatesFirst(group: readonly LinearNode[], ups: ReadonlySet<NodeId>): readonly LinearNode[] {
  return [...group.filter(({ id }) => !ups.has(id)), ...group.filter(({ id }) => ups.has(id))];
}

function mergeGroup(
  group: readonly LinearNode[],
  first: LinearNode,
  taken: Set<string>,
): readonly GraphNode[] {
  let name = mergeNames(group.map(({ id }) => id));
  while (taken.has(name)) name = `${name}_merged`;
  taken.add(name);
  const id = nodeId(name);
  const parts = group.flatMap((node) => node.parts);
  const linear: LinearNode = { ...first, id, parts, hasBias: group.some(({ hasBias }) => hasBias) };
  const dtype = first.output?.dtype;
  const typed = (features: number) => (dtype === undefined ? {} : { output: { dtype, features } });
  let offset = 0;
  const slices = group.map((node): GraphNode => {
    const features = outputChannels(node);
    const slice = {
      op: 'slice' as const,
      id: node.id,
      origin: node.origin,
      input: id,
      offset,
      features,
      ...typed(features),
    };
    offset += features;
    return slice;
  });
  return [{ ...linear, ...typed(offset) }, ...slices];
}

/** Says why linears on one input stayed apart. */
function noteMissed(block: Block, groups: readonly (readonly LinearNode[])[], context: PassContext): void {
  const byInput = groupBy(groups.flat(), (node) => node.input);
  for (const nodes of byInput.values()) {
    const [first, ...others] = nodes;
    if (first === undefined) continue;
    for (const other of others.filter((node) => mergeKey(node) !== mergeKey(first))) {
      const sameWidths =
        canonicalJson({ ...first.scheme, outliers: 0 }) === canonicalJson({ ...other.scheme, outliers: 0 });
      const difference = !sameWidths
        ? 'scheme'
        : canonicalJson(first.tokens) === canonicalJson(other.tokens)
          ? 'outlier columns'
          : 'token range';
      context.note(block.name, other.id, `not merged with ${first.id}: they differ in ${difference}`);
    }
  }
}
