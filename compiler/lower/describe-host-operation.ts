import type { GraphNode, RopeScaling } from '../../ir/graph.ts';
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
    case 'position-embedding':
      return `x + row ${node.offset} + position of the [${node.positions}][…] position embedding`;
    case 'rms-norm':
      return `x / sqrt(mean(x²) + ${node.eps}) · weight`;
    case 'layer-norm':
      return `(x - mean) / sqrt(var + ${node.eps}) · weight + bias`;
    case 'head-norm':
      return `x / sqrt(mean(x²) + ${node.eps}) · weight for each head of ${node.headDim}`;
    case 'rope':
      return `rotary embedding of heads of ${node.headDim}, theta ${node.theta}${describeScaling(node.scaling)}`;
    case 'attention': {
      const window = node.window === undefined ? '' : `, over the last ${node.window} tokens`;
      return `attention over the KV cache: ${node.heads} heads, ${node.kvHeads} KV heads, head dimension ${node.headDim}${window}`;
    }
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

function describeScaling(scaling: RopeScaling | undefined): string {
  switch (scaling?.kind) {
    case undefined:
      return '';
    case 'linear':
      return `, frequencies divided by ${scaling.factor}`;
    case 'divisors':
      return `, frequencies divided by ${scaling.weight?.tensor ?? 'a tensor'}`;
    case 'yarn': {
      const { factor, originalContext, betaFast, betaSlow, attentionFactor } = scaling;
      return `, frequencies scaled by YaRN: factor ${factor}, context ${originalContext}, beta ${betaFast} and ${betaSlow}, attention factor ${attentionFactor}`;
    }
    case 'llama3': {
      const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = scaling;
      return `, frequencies scaled as LLaMA 3.1 does: factor ${factor}, low ${lowFrequencyFactor}, high ${highFrequencyFactor}, context ${originalContext}`;
    }
  }
}
