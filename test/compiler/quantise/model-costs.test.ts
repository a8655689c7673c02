import { expect, test } from 'vitest';
import { cudaFamilies } from '../../../compiler/families/index.ts';
import { loadGraph } from '../../../compiler/load-graph.ts';
import { loadWeightedModel } from '../../../compiler/load-weighted-model.ts';
import { lowerGraph } from '../../../compiler/lower/lower-graph.ts';
import { modelCosts } from '../../../compiler/model-costs.ts';
import { planQuantisation } from '../../../compiler/plan-quantisation.ts';
import { schedulePlan } from '../../../compiler/schedule/schedule-plan.ts';
import { sm80 } from '../../../targets/sm80.ts';

const llama = 'test/fixtures/calibration/llama';

/** Modelled times of the sites that a compile makes, at 2,048 tokens: two layers, one after the other. */
async function compiled(columns: 'compact' | 'in-place'): Promise<readonly number[]> {
  const loaded = await loadGraph({ file: llama, overrides: { outliers: '4', layers: [] }, columns });
  const lowered = loaded.ok ? lowerGraph(loaded.value.graph, sm80, () => ({ supported: true })) : loaded;
  const scheduled = lowered.ok
    ? schedulePlan(lowered.value.plan, { families: cudaFamilies, target: sm80 })
    : lowered;
  if (!scheduled.ok) throw new Error(JSON.stringify(scheduled.error));
  const { plan, kernels } = scheduled.value;
  return plan.sites.map(({ buckets }) => {
    const last = buckets.find(({ to }) => to === undefined)!;
    return last.launches.reduce((sum, { kernel }) => {
      const reports = kernels.find(({ id }) => id === kernel)!.choices.map(({ report }) => report);
      return sum + reports.find(({ tokens }) => tokens === 2048)!.chosen.microseconds;
    }, 0);
  });
}

test('are those of the kernels that a compile chooses, merged as they are there, the cheaper way of the two', async () => {
  const model = await loadWeightedModel(llama, { outliers: '0', layers: [] });
  const plan = model.ok ? planQuantisation(model.value.graph) : model;
  if (!model.ok || !plan.ok) throw new Error('the fixture loads');
  const candidate = { bits: 4, outliers: 4 } as const;
  const request = { document: model.value.document, plan: plan.value, target: sm80, tokens: 2048 };
  const costs = modelCosts({ ...request, candidatesOf: () => [candidate, { bits: 8, outliers: 0 }] });
  if (!costs.ok) throw new Error(JSON.stringify(costs.error));
  const [compact, inPlace] = [await compiled('compact'), await compiled('in-place')];
  const sites = compact.map((time, at) => Math.min(time, inPlace[at]!));
  expect(sites).toHaveLength(4);
  const own = [...costs.value.values()].map((group) => group.get('w4 f4')!);
  expect(own.map(({ microseconds }) => microseconds)).toEqual([...sites, ...sites]);
  own.forEach(({ columns }, at) => {
    expect(columns).toBe(inPlace[at % 4]! < compact[at % 4]! ? 'in-place' : 'compact');
  });
  const asked = modelCosts({ ...request, candidatesOf: () => [candidate], columns: 'in-place' });
  const times = asked.ok ? [...asked.value.values()].map((group) => group.get('w4 f4')!.microseconds) : [];
  expect(times).toEqual([...inPlace, ...inPlace]);
});
