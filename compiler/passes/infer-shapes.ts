import type { ActivationDtype } from '../../ir/dtype.ts';
import type { Block, GraphNode, InputNode, NodeId, TensorType } from '../../ir/graph.ts';
import { outputChannels, repetitions } from '../../ir/graph.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';
import { diagnose } from '../diagnostics/codes.ts';
import type { DiagnosticCode } from '../diagnostics/diagnostic.ts';
import { unreachable } from '../support/assert.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass, PassContext } from './pass.ts';

/** Gives each node its output type, and reports where a node and its input disagree. */
export const inferShapes: Pass = {
  name: 'infer-shapes',
  ensures: 'every node has an output type, and takes as many features as its input has',
  run(graph, context) {
    let carried: TensorType = { dtype: graph.dtype, features: 0 };
    return mapBlocks(graph, (block) => {
      const typed = inferBlock(block, graph.dtype, carried, context);
      carried = typed.nodes.find((node) => node.id === typed.output)?.output ?? carried;
      return typed;
    });
  },
  check: (graph) => checkNodes(graph, 'it has an output type', (node) => node.output !== undefined),
};

function inferBlock(block: Block, dtype: ActivationDtype, carried: TensorType, context: PassContext): Block {
  const types = new Map<NodeId, TensorType>();
  const typed = mapNodes(block, (node) => {
    const output = node.op === 'input' ? (node.type ?? carried) : inferNode(node, dtype, types, context);
    types.set(node.id, output);
    const same = node.output?.dtype === output.dtype && node.output.features === output.features;
    return same ? node : { ...node, output };
  });
  const first = typed.nodes[0]?.output;
  const last = types.get(typed.output);
  if (
    repetitions(block) > 1 &&
    first !== undefined &&
    last !== undefined &&
    first.features !== last.features
  ) {
    const message = `${block.name} receives ${first.features} features and puts out ${last.features}, ${repetitions(block)} times`;
    context.report(
      diagnose('QK202', { pointer: block.origin, message, expected: `${first.features} features` }),
    );
  }
  return typed;
}

/** The output type by what the node itself states, so that one fault does not hide the next. */
function inferNode(
  node: Exclude<GraphNode, InputNode>,
  dtype: ActivationDtype,
  types: ReadonlyMap<NodeId, TensorType>,
  context: PassContext,
): TensorType {
  // A reference to nothing was reported by the frontend, so each id has a type.
  const typeOf = (id: NodeId): TensorType => types.get(id) ?? { dtype, features: 0 };
  const rows = (features: number): TensorType => ({ dtype, features });
  const expect = (id: NodeId, features: number, field: string, code: DiagnosticCode = 'QK201') => {
    const found = typeOf(id);
    if (node.op !== 'embedding' && found.dtype === 'u32') {
      const message = `${node.id} reads token ids`;
      context.report(
        diagnose(code, { pointer: fieldOf(node, field), message, expected: 'the output of an embedding' }),
      );
    } else if (found.features !== features) {
      const message = `${node.id} takes ${features} features, its input ${id} has ${found.features}`;
      context.report(
        diagnose(code, { pointer: fieldOf(node, field), message, expected: `${found.features}` }),
      );
    }
  };
  switch (node.op) {
    case 'embedding':
      return rows(node.features);
    case 'linear':
    case 'quik-linear':
      expect(node.input, node.k, 'in');
      return rows(outputChannels(node));
    case 'head-norm':
    case 'rope': {
      const { features } = typeOf(node.input);
      if (features % node.headDim !== 0) {
        const message = `${node.id} takes heads of ${node.headDim}, its input has ${features} features`;
        context.report(diagnose('QK201', { pointer: fieldOf(node, 'headDim'), message }));
      }
      return rows(features);
    }
    case 'attention':
      expect(node.q, node.heads * node.headDim, 'q');
      expect(node.k, node.kvHeads * node.headDim, 'k');
      expect(node.v, node.kvHeads * node.headDim, 'v');
      return rows(node.heads * node.headDim);
    case 'gated-activation':
      expect(node.up, typeOf(node.gate).features, 'up', 'QK204');
      return rows(typeOf(node.gate).features);
    case 'add':
      expect(node.b, typeOf(node.a).features, 'b');
      return rows(typeOf(node.a).features);
    case 'position-embedding':
    case 'rms-norm':
    case 'layer-norm':
    case 'activation':
      expect(node.input, typeOf(node.input).features, 'input');
      return rows(typeOf(node.input).features);
    case 'slice':
      return rows(node.features);
    case 'quantize':
      return { dtype: node.bits === 4 ? 's4' : 's8', features: node.k };
    default:
      return unreachable(node);
  }
}

/** Explicit nodes have fields of their own; what stems from a fact points at the fact. */
function fieldOf(node: GraphNode, field: string): string {
  return node.origin.startsWith('/graph/') ? `${node.origin}/${field}` : node.origin;
}
