import type { GraphNode } from '../../ir/graph.ts';
import { layerNames } from '../../ir/graph.ts';
import type { Scheme } from '../../ir/quant-scheme.ts';
import { isQuantised, noOutliers, presets } from '../../ir/quant-scheme.ts';
import { mapBlocks, mapNodes } from '../../ir/visit.ts';
import { checkNodes } from './check-nodes.ts';
import type { Pass } from './pass.ts';
import { Refusals } from './refusals.ts';

/** Settles each linear on a scheme that can be computed, or says what is the nearest. */
export const chooseScheme: Pass = {
  name: 'choose-scheme',
  ensures:
    'every linear is either left in 16 bit or has integer weights per channel and integer activations per token',
  run(graph, context) {
    const refusals = new Refusals(context);
    const chosen = mapBlocks(graph, (block) =>
      mapNodes(block, (node) => {
        if (node.op !== 'linear') return node;
        const { outliers } = node.scheme;
        if (isQuantised(node.scheme) && outliers?.count === node.k) {
          context.note(block.name, node.id, `all ${node.k} columns are outliers: a plain 16-bit linear`);
          const { sparsity } = node.scheme;
          return { ...node, scheme: { ...presets.f16, outliers: noOutliers, ...(sparsity && { sparsity }) } };
        }
        const refusal = refuse(node.scheme);
        if (refusal !== undefined) {
          const hint = `nearest: "${nearestPreset(node.scheme)}"`;
          refusals.add(layerNames(block, node.id), 'QK124', node.request.origins.scheme, refusal, { hint });
        }
        return node;
      }),
    );
    refusals.reportAll();
    return chosen;
  },
  check: (graph) => checkNodes(graph, 'its scheme can be computed', isSettled),
};

function isSettled(node: GraphNode): boolean {
  return node.op !== 'linear' || refuse(node.scheme) === undefined;
}

/** What no kernel can do yet. Each field is judged alone: schemes are products of them. */
function refuse({ weight, activation, transform }: Scheme): string | undefined {
  if (transform !== 'none') return `the transform ${transform} is not supported yet`;
  if (weight.format !== 'int') return `${weight.format} weights are not supported yet`;
  if (weight.bits === 16)
    return activation.kind === 'none' ? undefined : '16-bit weights take 16-bit activations';
  if (weight.bits === 2) return '2-bit weights are not supported yet';
  if (weight.grouping !== 'channel')
    return `groups of ${weight.grouping.size} are not supported yet, only one per channel`;
  if (weight.zeroPoint) return 'weights with a zero point are not supported yet';
  if (weight.scaleType !== 'f32') return `weight scales in ${weight.scaleType} are not supported yet`;
  if (weight.order !== 'natural') return `the column order ${weight.order} is not supported yet`;
  if (activation.kind === 'none')
    return `${weight.bits}-bit weights with 16-bit activations are not supported yet`;
  if (activation.kind === 'fp8') return 'fp8 activations are not supported yet';
  if (activation.symmetry !== 'asymmetric') return 'symmetric activations are not supported yet';
  if (activation.granularity !== 'token') return 'one activation scale per tensor is not supported yet';
  if (activation.range !== 'dynamic') return 'static activation ranges are not supported yet';
  return undefined;
}

function nearestPreset({ weight, activation }: Scheme): string {
  if (weight.bits === 16) return 'f16';
  const wide = activation.kind === 'fp8' || (activation.kind === 'int' && activation.bits === 8);
  return weight.bits === 8 || wide ? 'quik-8b' : 'quik-4b';
}
