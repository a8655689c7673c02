import type { GraphNode } from '../../ir/graph.ts';
import { layerNames } from '../../ir/graph.ts';
import type { Outliers } from '../../ir/quant-scheme.ts';
import { isQuantised, noOutliers, outlierCount } from '../../ir/quant-scheme.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';
import { diagnose } from '../diagnostics/codes.ts';
import { placeOf } from '../diagnostics/origin.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass, PassContext } from './pass.ts';

/** Turns the model's outlier rule into a count and columns for each linear. */
export const annotateOutliers: Pass = {
  name: 'annotate-outliers',
  ensures: 'every linear states its outlier count, at most K, and its columns or that nobody knows them',
  run(graph, context) {
    const unknown: string[] = [];
    const annotated = mapBlocks(graph, (block) =>
      mapNodes(block, (node) => {
        if (node.op !== 'linear' || node.scheme.outliers !== undefined) return node;
        const outliers = settle(node, layerNames(block, node.id), context);
        if (outliers.count > 0 && outliers.columns.kind === 'placeholder')
          unknown.push(layerNames(block, node.id));
        return { ...node, scheme: { ...node.scheme, outliers } };
      }),
    );
    if (unknown.length > 0) {
      const some = unknown.slice(0, 4).join(', ');
      const message = `placeholder columns stand in for unknown ones: ${some}${unknown.length > 4 ? ', …' : ''}`;
      context.report(diagnose('QK140', { message }));
    }
    return annotated;
  },
  check: (graph) =>
    checkNodes(
      graph,
      'it states its outliers',
      (node) => node.op !== 'linear' || node.scheme.outliers !== undefined,
    ),
};

function settle(node: Extract<GraphNode, { op: 'linear' }>, name: string, context: PassContext): Outliers {
  const { outlierRule, columns, origins } = node.request;
  if (!isQuantised(node.scheme)) return noOutliers;
  const count = outlierCount(outlierRule, node.k);
  if (count > node.k) {
    const message = `${name} has K = ${node.k} and is to keep ${count} outliers`;
    context.report(
      diagnose('QK203', { ...placeOf(origins.outliers), message, expected: `at most ${node.k}` }),
    );
    return noOutliers;
  }
  if (count === 0) return noOutliers;
  const listed = columns.kind === 'listed';
  return {
    count,
    columns,
    score: listed ? 'given' : 'unknown',
    chosenBy: listed ? 'listed' : outlierRule.rule,
  };
}
