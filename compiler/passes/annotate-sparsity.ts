import { layerNames } from '../../ir/graph.ts';
import { printSparsity } from '../../ir/print-graph.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';
import { diagnose } from '../diagnostics/codes.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass } from './pass.ts';
import { placeOf } from './pass.ts';

/** Attaches the sparsity pattern that the model states; zeros are measured where weights are read. */
export const annotateSparsity: Pass = {
  name: 'annotate-sparsity',
  ensures: 'every linear states its sparsity pattern, one that kernels exist for',
  run(graph, context) {
    return mapBlocks(graph, (block) =>
      mapNodes(block, (node) => {
        if (node.op !== 'linear' || node.scheme.sparsity !== undefined) return node;
        const { sparsity, origins } = node.request;
        if (sparsity.pattern !== 'dense') {
          const message = `${layerNames(block, node.id)} asks for ${printSparsity(sparsity)}`;
          context.report(diagnose('QK121', { ...placeOf(origins.sparsity), message, expected: '"dense"' }));
        }
        return { ...node, scheme: { ...node.scheme, sparsity } };
      }),
    );
  },
  check: (graph) =>
    checkNodes(
      graph,
      'it states its sparsity',
      (node) => node.op !== 'linear' || node.scheme.sparsity !== undefined,
    ),
};
