import { expect, test } from 'vitest';
import { listLayers } from '../../../compiler/calibrate/list-layers.ts';
import { cudaFamilies } from '../../../compiler/families/index.ts';
import type { ModelInput } from '../../../compiler/frontend/model-schema.ts';
import { lowerGraph } from '../../../compiler/lower/lower-graph.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import type { PlannedLayer } from '../../../compiler/quantised-checkpoint/plan-quantisation.ts';
import { modelCosts } from '../../../compiler/recipe-search/model-costs.ts';
import { schedulePlan } from '../../../compiler/schedule/schedule-plan.ts';
import type { KernelSpec, SpecOf } from '../../../ir/kernel-spec.ts';
import { isQuantised } from '../../../ir/quant-scheme.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { importGraph, smallLlama } from '../load-fixture.ts';

const [repetitions, sites] = [4, 4];
const describe = (count: number, layers: readonly object[] = []) =>
  smallLlama({ outliers: { count }, layers }, { hidden: 576, ffn: 1536 });

function timeOf(spec: KernelSpec, m: number): number {
  // A plan for sm80 has kernels in CUDA.
  const { family, problem, schedule } = spec as SpecOf<'linear', 'cuda'> | SpecOf<'quantize', 'cuda'>;
  return family === 'linear'
    ? cudaFamilies.linear.estimate(problem, schedule, sm80, m).microseconds
    : cudaFamilies.quantize.estimate(problem, schedule, sm80, m).microseconds;
}

/** Modelled times of the sites that a compile makes, at M tokens. */
function compiled(model: object, columns: 'compact' | 'in-place', m: number): readonly number[] {
  const passed = runPasses(importGraph(model), { columns });
  const lowered = passed.ok ? lowerGraph(passed.value.graph, sm80, () => ({ supported: true })) : passed;
  const scheduled = lowered.ok
    ? schedulePlan(lowered.value.plan, { families: cudaFamilies, target: sm80 })
    : lowered;
  if (!scheduled.ok) throw new Error(JSON.stringify(scheduled.error));
  const { plan, kernels } = scheduled.value;
  return plan.sites.map(({ buckets }) =>
    buckets
      .findLast(({ from }) => from <= m)!
      .launches.reduce(
        (sum, { kernel }) => sum + timeOf(kernels.find(({ id }) => id === kernel)!.spec, m),
        0,
      ),
  );
}

/** All quantised linears of the model; their weights are of no account. */
function planAll(): readonly PlannedLayer[] {
  return listLayers(importGraph(describe(0))).map((layer) => ({
    layer,
    groups: layer.groups.flatMap((group) => {
      const linears = group.linears
        .filter(({ node }) => isQuantised(node.scheme))
        .map(({ name, node }) => ({
          ...{ name, weight: { tensor: name }, n: node.parts[0]!.n, k: node.k },
          ...{ bits: 4 as const, clip: true, outliers: 0, sparsity: 'dense' as const },
        }));
      return linears.length === 0 ? [] : [{ group, linears }];
    }),
  }));
}

test.each([
  [16, 16, 'in-place'],
  [128, 2048, 'compact'],
] as const)(
  '%i columns at %i tokens: those of the kernels that a compile chooses, merged as they are there, %s',
  (outliers, m, way) => {
    const document = describe(0) as ModelInput;
    const candidate = { bits: 4, outliers } as const;
    const request = { document, plan: planAll(), target: sm80, tokens: m };
    const costs = modelCosts({ ...request, candidatesOf: () => [candidate, { bits: 8, outliers: 0 }] });
    if (!costs.ok) throw new Error(JSON.stringify(costs.error));
    const [compact, inPlace] = [
      compiled(describe(outliers), 'compact', m),
      compiled(describe(outliers), 'in-place', m),
    ];
    expect(compact).toHaveLength(sites);
    const own = [...costs.value.values()].map((group) => group.get(`w4 f${outliers}`)!);
    expect(own).toHaveLength(repetitions * sites);
    own.forEach(({ microseconds, columns }, at) => {
      const [cut, left] = [compact[at % sites]!, inPlace[at % sites]!];
      expect(microseconds).toBe(Math.min(cut, left));
      expect(columns).toBe(left < cut ? 'in-place' : 'compact');
    });
    expect(own.map(({ columns }) => columns)).toContain(way);
    const other = way === 'compact' ? 'in-place' : 'compact';
    const asked = modelCosts({ ...request, candidatesOf: () => [candidate], columns: other });
    const times = asked.ok ? [...asked.value.values()].map((group) => group.get(`w4 f${outliers}`)!) : [];
    expect(times.map(({ columns }) => columns)).toEqual(own.map(() => other));
  },
);

test('a candidate of some groups is timed where the others are quantised too', () => {
  const many = { bits: 8, outliers: 256 } as const;
  const costs = modelCosts({
    ...{
      document: describe(0) as ModelInput,
      plan: planAll(),
      target: sm80,
      tokens: 2048,
      columns: 'compact',
    },
    candidatesOf: ({ group }) => (group.k === 1536 ? [many] : [{ bits: 8, outliers: 16 }]),
  });
  if (!costs.ok) throw new Error(JSON.stringify(costs.error));
  const quik8 = { ...describe(16, [{ match: '*.down_proj', outliers: { count: 256 } }]), scheme: 'quik-8b' };
  const names = planAll()[1]!.groups.map(({ linears }) => linears[0]!.name);
  const own = names
    .map((name) => costs.value.get(name)!)
    .map((group) => [...group].map(([key, cost]) => [key, cost.microseconds]));
  const times = compiled(quik8, 'compact', 2048);
  expect(own).toEqual(times.map((time, at) => [[at === 3 ? 'w8 f256' : 'w8 f16', time]]));
});
