import type { ColumnChoice, QuantizeNode } from '../../ir/graph.ts';
import type { ColumnMode } from '../../ir/problem.ts';
import { mapBlocks, mapNodes, nodesById } from '../../ir/visit.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass } from './pass.ts';

/** Decides for each quantize, and so for its linears, whether outlier columns are cut out of the integer part. */
export const chooseColumns: Pass = {
  name: 'choose-columns',
  ensures: 'every quantize has a column mode with its reason, and its linears have the same',
  run(graph, context) {
    return mapBlocks(graph, (block) => {
      const quantized = mapNodes(block, (node) => {
        if (node.op !== 'quantize' || node.columns !== undefined) return node;
        const columns = choose(node, context.columns);
        context.note(block.name, node.id, `${columns.mode} columns: ${columns.reason}`);
        return { ...node, columns };
      });
      const byId = nodesById(quantized);
      return mapNodes(quantized, (node) => {
        if (node.op !== 'quik-linear' || node.columns !== undefined) return node;
        const source = byId.get(node.input);
        return source?.op === 'quantize' && source.columns ? { ...node, columns: source.columns } : node;
      });
    });
  },
  check: (graph) =>
    checkNodes(
      graph,
      'it has a column mode',
      (node) => (node.op !== 'quantize' && node.op !== 'quik-linear') || node.columns !== undefined,
    ),
};

/** The command line has the last word, then the model. */
function choose({ k, outliers, columnMode }: QuantizeNode, typed: ColumnMode | undefined): ColumnChoice {
  if (outliers === 0) return { mode: 'compact', reason: 'no outliers, so both modes are the same' };
  const share = `${((100 * outliers) / (k - outliers)).toFixed(1)} %`;
  if ((typed ?? columnMode) === 'in-place') {
    const by = typed === undefined ? 'the model asks for it' : 'asked for';
    return { mode: 'in-place', reason: `${by}; costs ${share} more integer work, saves the gather` };
  }
  const saved = `in-place would multiply ${outliers} zero columns, ${share} more integer work`;
  return { mode: 'compact', reason: `${saved}; quantize gathers once for all its linears` };
}
