import type { ActivationDtype } from '../../ir/dtype.ts';
import type { NodeId, Origin, TensorType, WeightReference } from '../../ir/graph.ts';
import { nodeId } from '../../ir/graph.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { quoteText } from '../diagnostics/escape-text.ts';
import { within } from '../diagnostics/origin.ts';
import { suggestName } from '../diagnostics/suggest-name.ts';
import type { Result } from '../support/result.ts';
import { fail, succeed } from '../support/result.ts';
import type { Draft, DraftBlock, DraftNode } from './draft.ts';
import type { BlockJson, GraphJson, NodeJson } from './schema-graph.ts';
import type { WeightJson } from './schema-values.ts';
import { toRopeScaling } from './to-rope-scaling.ts';

/** The explicit form: nodes as the model lists them. What a block receives is called "input" in it. */
export function expandGraph(graph: GraphJson, dtype: ActivationDtype): Result<Draft, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const first: TensorType =
    'tokens' in graph.input ? { dtype: 'u32', features: 1 } : { dtype, features: graph.input.features };
  const prefixes = new Set<string>();
  const blocks: DraftBlock[] = [];
  graph.blocks.forEach((block, index) => {
    const origin = `/graph/blocks/${index}`;
    const prefix =
      block.name ?? (graph.blocks.length === 1 && block.repeat === undefined ? '' : `block${index}`);
    if (prefixes.has(prefix)) {
      faults.push(
        diagnose('QK108', {
          pointer: within(origin, 'name'),
          message: `two blocks are called ${quoteText(prefix)}`,
        }),
      );
    }
    prefixes.add(prefix);
    blocks.push(expandBlock(block, prefix, origin, index === 0 ? { type: first } : {}, faults));
  });
  return faults.length > 0 ? fail(faults) : succeed({ blocks });
}

function expandBlock(
  block: BlockJson,
  prefix: string,
  origin: Origin,
  type: { readonly type?: TensorType },
  faults: Diagnostic[],
): DraftBlock {
  const before = faults.length;
  const known = new Set<string>(['input']);
  const nodes: DraftNode[] = [{ op: 'input', id: nodeId('input'), origin, ...type }];
  block.nodes.forEach((node, index) => {
    const at = within(origin, 'nodes', index);
    for (const [field, reference] of references(node)) {
      if (!known.has(reference))
        faults.push(unknownReference(within(at, field), reference, [...known], node.name));
    }
    if (known.has(node.name)) {
      const message =
        node.name === 'input'
          ? '"input" is what the block receives'
          : `two nodes are called ${quoteText(node.name)}`;
      faults.push(diagnose('QK108', { pointer: within(at, 'name'), message }));
    }
    known.add(node.name);
    nodes.push(expandNode(node, at, faults));
  });
  const output = block.output ?? block.nodes.at(-1)?.name ?? 'input';
  if (!known.has(output))
    faults.push(unknownReference(within(origin, 'output'), output, [...known], 'output'));
  // After a reference to nothing, what it should have named looks unused: one fault is enough.
  if (faults.length === before) faults.push(...reportUnused(block, origin, output));
  const repeat = block.repeat === undefined ? {} : { repeat: block.repeat };
  return { prefix, origin, ...repeat, nodes, output: nodeId(output) };
}

/** A value that goes nowhere is a slip: its node would vanish without a word. */
function reportUnused(block: BlockJson, origin: Origin, output: string): readonly Diagnostic[] {
  const read = new Set([output, ...block.nodes.flatMap((node) => references(node).map(([, name]) => name))]);
  return block.nodes.flatMap((node, index) => {
    const message = `no node reads ${quoteText(node.name)}, and its block does not put it out`;
    return read.has(node.name)
      ? []
      : [diagnose('QK118', { pointer: within(origin, 'nodes', index), message })];
  });
}

/** The fields of a node that name other nodes. */
function references(node: NodeJson): readonly (readonly [string, string])[] {
  switch (node.op) {
    case 'attention':
      return [
        ['q', node.q],
        ['k', node.k],
        ['v', node.v],
      ];
    case 'gated-activation':
      return [
        ['gate', node.gate],
        ['up', node.up],
      ];
    case 'add':
      return [
        ['a', node.a],
        ['b', node.b],
      ];
    default:
      return [['input', node.input]];
  }
}

function unknownReference(
  pointer: string,
  reference: string,
  known: readonly string[],
  reader: string,
): Diagnostic {
  const near = suggestName(reference, known);
  return diagnose('QK109', {
    pointer,
    message: `${quoteText(reader)} reads ${quoteText(reference)}, which no earlier node of its block defines`,
    ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
  });
}

function expandNode(node: NodeJson, origin: Origin, faults: Diagnostic[]): DraftNode {
  const id = nodeId(node.name);
  const to = (name: string): NodeId => nodeId(name);
  switch (node.op) {
    case 'linear': {
      if (node.experts !== undefined) {
        faults.push(
          diagnose('QK122', { pointer: within(origin, 'experts'), message: `${node.experts.count} experts` }),
        );
      }
      if (node.shard !== undefined && node.shard.count > 1) {
        const message = `part ${node.shard.index} of ${node.shard.count} along ${node.shard.kind === 'row' ? 'K' : 'N'}`;
        faults.push(diagnose('QK123', { pointer: within(origin, 'shard'), message }));
      }
      const bias = typeof node.bias === 'object' ? { bias: toReference(node.bias) } : {};
      const weight = node.weight === undefined ? {} : { weight: toReference(node.weight) };
      return {
        op: 'linear',
        id,
        origin,
        input: to(node.input),
        k: node.in,
        parts: [{ name: node.name, origin, n: node.out, ...weight, ...bias }],
        hasBias: node.bias !== undefined && node.bias !== false,
        fields: {
          scheme: node.scheme,
          outliers: node.outliers,
          sparsity: node.sparsity,
          tokens: node.tokens,
        },
        pinned: false,
      };
    }
    case 'embedding':
      return {
        op: node.op,
        id,
        origin,
        input: to(node.input),
        vocab: node.vocab,
        features: node.features,
        ...weightOf(node),
      };
    case 'rms-norm':
      return { op: node.op, id, origin, input: to(node.input), eps: node.eps, ...weightOf(node) };
    case 'layer-norm': {
      const bias = node.bias === undefined ? {} : { bias: toReference(node.bias) };
      return { op: node.op, id, origin, input: to(node.input), eps: node.eps, ...weightOf(node), ...bias };
    }
    case 'position-embedding': {
      const { positions, offset } = node;
      return { op: node.op, id, origin, input: to(node.input), positions, offset, ...weightOf(node) };
    }
    case 'head-norm': {
      const { headDim, eps } = node;
      return { op: node.op, id, origin, input: to(node.input), headDim, eps, ...weightOf(node) };
    }
    case 'rope': {
      const { headDim, theta, scaling } = node;
      const divisors = scaling?.kind === 'divisors' ? weightOf(scaling) : {};
      const stretched = toRopeScaling(scaling, divisors);
      return { op: node.op, id, origin, input: to(node.input), headDim, theta, ...stretched };
    }
    case 'attention': {
      const { heads, kvHeads, headDim, window } = node;
      if (heads % kvHeads !== 0) {
        const message = `heads ${heads} is not a multiple of kvHeads ${kvHeads}`;
        faults.push(diagnose('QK114', { pointer: within(origin, 'kvHeads'), message }));
      }
      return {
        op: node.op,
        id,
        origin,
        q: to(node.q),
        k: to(node.k),
        v: to(node.v),
        heads,
        kvHeads,
        headDim,
        ...(window === undefined ? {} : { window }),
      };
    }
    case 'activation':
      return { op: node.op, id, origin, kind: node.kind, input: to(node.input) };
    case 'gated-activation':
      return { op: node.op, id, origin, kind: node.kind, gate: to(node.gate), up: to(node.up) };
    case 'add':
      return { op: node.op, id, origin, a: to(node.a), b: to(node.b) };
  }
}

function weightOf(node: { readonly weight?: WeightJson | undefined }): { readonly weight?: WeightReference } {
  return node.weight === undefined ? {} : { weight: toReference(node.weight) };
}

function toReference(weight: WeightJson): WeightReference {
  return weight.file === undefined ? { tensor: weight.tensor } : { file: weight.file, tensor: weight.tensor };
}
