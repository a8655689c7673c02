import type { GraphNode } from '../../ir/graph.ts';
import { outputChannels } from '../../ir/graph.ts';

/** What the host has to compute for a node that quikc emits no kernel for, in one sentence with its numbers. */
export function describeHostOperation(node: GraphNode): string {
  switch (node.op) {
    case 'embedding':
      return `row of the [${node.vocab}][${node.features}] embedding for each token id`;
    case 'linear': {
      const bias = node.hasBias ? ' + bias' : '';
      return `x · Wᵀ${bias} in the activation dtype, W is [${outputChannels(node)}][${node.k}]`;
    }
    case 'rms-norm':
      return `x / sqrt(mean(x²) + ${node.eps}) · weight`;
    case 'layer-norm':
      return `(x - mean) / sqrt(var + ${node.eps}) · weight + bias`;
    case 'rope':
      return `rotary embedding of heads of ${node.headDim}, theta ${node.theta}`;
    case 'attention':
      return `attention over the KV cache: ${node.heads} heads, ${node.kvHeads} KV heads, head dimension ${node.headDim}`;
    case 'activation':
      return `${node.kind}(x)`;
    case 'gated-activation':
      return `${node.kind}(gate) · up`;
    case 'add':
      return 'a + b';
    default:
      return node.op;
  }
}
