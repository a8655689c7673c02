import { expect, test } from 'vitest';
import { loadWeightedModel } from '../../../compiler/load-weighted-model.ts';
import { planQuantisation } from '../../../compiler/quantised-checkpoint/plan-quantisation.ts';
import { graphOfRecipe } from '../../../compiler/recipe-search/graph-of-recipe.ts';
import { listGroups, replanGroups } from '../../../compiler/recipe-search/list-groups.ts';

test('every group has the bits, columns and way that the plan gives it, and others are left', async () => {
  const model = await loadWeightedModel('test/fixtures/calibration/llama', { outliers: '0', layers: [] });
  const planned = model.ok ? planQuantisation(model.value.graph) : model;
  if (!model.ok || !planned.ok) throw new Error('the fixture loads');
  expect(listGroups(planned.value).map(({ name, kind }) => [name, kind])).toContainEqual([
    'layers.1.mlp.gate_proj',
    'mlp.gate_proj',
  ]);
  const plan = replanGroups(planned.value, (name) => {
    if (name.endsWith('o_proj')) return undefined;
    if (name.startsWith('layers.0')) return { bits: 4, outliers: 2, columnMode: 'compact' };
    return { bits: 8, outliers: 2, columnMode: 'in-place' };
  });
  const columns = (name: string) => (name.startsWith('layers.0') ? [1, 3] : [2, 5]);
  const graph = graphOfRecipe(model.value.document, plan, columns);
  if (!graph.ok) throw new Error(JSON.stringify(graph.error));
  const found = graph.value.blocks.flatMap((block) =>
    block.nodes.flatMap((node): readonly (readonly unknown[])[] =>
      node.op === 'quantize'
        ? [[block.name, node.bits, node.columns?.mode, node.outlierColumns]]
        : node.op === 'linear' && block.repeat !== undefined
          ? [[block.name, node.id]]
          : [],
    ),
  );
  const [low, high] = [
    { kind: 'listed', lists: [[1, 3]] },
    { kind: 'listed', lists: [[2, 5]] },
  ];
  expect(found).toEqual([
    ...[
      ['layers.0', 4, 'compact', low],
      ['layers.0', 'self_attn.o_proj'],
    ],
    ...[
      ['layers.0', 4, 'compact', low],
      ['layers.0', 4, 'compact', low],
    ],
    ...[
      ['layers.1', 8, 'in-place', high],
      ['layers.1', 'self_attn.o_proj'],
    ],
    ...[
      ['layers.1', 8, 'in-place', high],
      ['layers.1', 8, 'in-place', high],
    ],
  ]);
});
