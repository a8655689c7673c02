import type { Block, GraphNode, LinearNode, NodeId, QuantizeNode, QuikLinearNode } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import { isQuantised } from '../../ir/quant-scheme.ts';
import { mapBlocks, nodesById, removeUnused, usersOf } from '../../ir/visit.ts';
import { canonicalJson } from '../support/hash.ts';
import { checkNodes } from './check-nodes.ts';
import { groupBy } from './group-by.ts';
import { mergeNames } from './merge-names.ts';
import type { Pass, PassContext } from './pass.ts';

/** Splits each quantised linear into quantize and quik-linear, one quantize for all that can share it. */
export const fuseQuantize: Pass = {
  name: 'fuse-quantize',
  ensures:
    'every quantised linear reads a quantize, which has taken over the norm or gated activation before it',
  run: (graph, context) => mapBlocks(graph, (block) => fuseBlock(block, context)),
  check: (graph) =>
    checkNodes(graph, 'it reads a quantize', (node) => node.op !== 'linear' || !isQuantised(node.scheme)),
};

function quantisedLinears(block: Block): readonly LinearNode[] {
  return block.nodes.filter((node) => node.op === 'linear').filter((node) => isQuantised(node.scheme));
}

/** Linears share a quantize when they need the same codes: their weights may differ in width. */
function shareKey(node: LinearNode): string {
  return canonicalJson([node.input, node.scheme.activation, node.scheme.outliers, node.request.columnMode]);
}

function fuseBlock(block: Block, context: PassContext): Block {
  const linears = quantisedLinears(block);
  if (linears.length === 0) return block;
  const before = new Map<NodeId, readonly GraphNode[]>();
  const surroundings = { block, byId: nodesById(block), users: usersOf(block) };
  for (const group of groupBy(linears, shareKey).values()) {
    const [first] = group;
    if (first === undefined) continue;
    const quantize = buildQuantize(surroundings, first, group, context);
    for (const linear of group) {
      const quik = toQuikLinear(linear, quantize.id);
      before.set(linear.id, linear === first ? [quantize, quik] : [quik]);
    }
  }
  return removeUnused({ ...block, nodes: block.nodes.flatMap((node) => before.get(node.id) ?? [node]) });
}

function toQuikLinear(linear: LinearNode, input: NodeId): QuikLinearNode {
  const { request: _request, op: _op, ...rest } = linear;
  return { ...rest, op: 'quik-linear', input };
}

/** A block with its nodes and readers looked up once. */
interface Surroundings {
  readonly block: Block;
  readonly byId: ReadonlyMap<NodeId, GraphNode>;
  readonly users: ReadonlyMap<NodeId, readonly GraphNode[]>;
}

function buildQuantize(
  surroundings: Surroundings,
  first: LinearNode,
  group: readonly LinearNode[],
  context: PassContext,
): QuantizeNode {
  const { scheme, k, request } = first;
  const bits = scheme.activation.kind === 'int' ? scheme.activation.bits : 8;
  const id = nodeId(`${mergeNames(group.map((linear) => linear.id))}.quantize`);
  return {
    op: 'quantize',
    id,
    origin: first.origin,
    ...absorbProducer(surroundings, first.input, id, context),
    k,
    bits,
    outliers: scheme.outliers?.count ?? 0,
    outlierColumns: scheme.outliers?.columns ?? { kind: 'placeholder' },
    ...(request.columnMode === undefined ? {} : { columnMode: request.columnMode }),
    output: { dtype: bits === 4 ? 's4' : 's8', features: k },
  };
}

type Absorbed = Pick<QuantizeNode, 'input' | 'prologue'> &
  Partial<Pick<QuantizeNode, 'prologueOrigin' | 'prologueWeight'>>;

/** A norm or gated activation that only quantised linears read becomes the prologue. */
function absorbProducer(
  { block, byId, users }: Surroundings,
  input: NodeId,
  quantize: NodeId,
  context: PassContext,
): Absorbed {
  const plain: Absorbed = { input, prologue: { op: 'none' } };
  const producer = byId.get(input);
  if (producer === undefined) return plain;
  const readers = users.get(input) ?? [];
  const others = readers.filter((node) => node.op !== 'linear' || !isQuantised(node.scheme));
  const keep = (why: string): Absorbed => {
    context.note(block.name, quantize, `${producer.op} ${producer.id} stays the host's: ${why}`);
    return plain;
  };
  const shared = others.length > 0 || block.output === input;
  switch (producer.op) {
    case 'rms-norm': {
      if (shared) return keep('others read it too');
      const weight = producer.weight === undefined ? {} : { prologueWeight: producer.weight };
      const prologue = { op: 'rms-norm' as const, eps: producer.eps };
      return { input: producer.input, prologue, prologueOrigin: producer.origin, ...weight };
    }
    case 'gated-activation': {
      if (shared) return keep('others read it too');
      const source = concatenated(byId, producer.gate, producer.up);
      if (source === undefined) return keep('gate and up do not lie side by side');
      return { input: source, prologue: { op: 'silu-mul' }, prologueOrigin: producer.origin };
    }
    case 'layer-norm':
    case 'activation':
      return keep(`no prologue computes ${producer.op}`);
    default:
      return plain;
  }
}

/** The value that is exactly [gate; up], if there is one. */
function concatenated(byId: ReadonlyMap<NodeId, GraphNode>, gate: NodeId, up: NodeId): NodeId | undefined {
  const [first, second] = [byId.get(gate), byId.get(up)];
  if (first?.op !== 'slice' || second?.op !== 'slice' || first.input !== second.input) return undefined;
  const total = byId.get(first.input)?.output?.features;
  const adjacent = first.offset === 0 && second.offset === first.features;
  return adjacent && total === first.features + second.features ? first.input : undefined;
}
