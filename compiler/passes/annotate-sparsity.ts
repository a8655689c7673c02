import { layerNames } from '../../ir/graph.ts';
import { printSparsity } from '../../ir/print-graph.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass } from './pass.ts';
import { Refusals } from './refusals.ts';

/** Attaches the sparsity pattern that the model states. Weights are not read, so no zeros are counted. */
export const annotateSparsity: Pass = {
  name: 'annotate-sparsity',
  ensures: 'every linear states its sparsity pattern, one that kernels exist for',
  run(graph, context) {
    const refusals = new Refusals(context);
    const annotated = mapBlocks(graph, (block) =>
      mapNodes(block, (node) => {
        if (node.op !== 'linear' || node.scheme.sparsity !== undefined) return node;
        const { sparsity, origins } = node.request;
        if (sparsity.pattern !== 'dense') {
          const name = layerNames(block, node.id);
          const reason = `${printSparsity(sparsity)} weights are not supported yet`;
          refusals.add(name, 'QK121', origins.sparsity, reason, { expected: '"dense"' });
        }
        return { ...node, scheme: { ...node.scheme, sparsity } };
      }),
    );
    refusals.reportAll();
    return annotated;
  },
  check: (graph) =>
    checkNodes(
      graph,
      'it states its sparsity',
      (node) => node.op !== 'linear' || node.scheme.sparsity !== undefined,
    ),
};
