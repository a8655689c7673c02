import { describe, expect, test } from 'vitest';
import type { FamilyTable } from '../../../compiler/families/family.ts';
import { cudaFamilies as allFamilies } from '../../../compiler/families/index.ts';
import { noOverrides } from '../../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../../compiler/load-graph.ts';
import { type Lowered, lowerGraph } from '../../../compiler/lower/lower-graph.ts';
import { runPasses } from '../../../compiler/passes/run-passes.ts';
import { rankSchedules, surveySchedules } from '../../../compiler/schedule/rank-schedules.ts';
import { type Exclude, schedulePlan } from '../../../compiler/schedule/schedule-plan.ts';
import type { KernelSpec } from '../../../ir/kernel-spec.ts';
import type { Bucket } from '../../../ir/plan.ts';
import type { LinearProblem } from '../../../ir/problem.ts';
import { sm80 } from '../../../targets/sm80.ts';
import { llama7b } from '../compile-fixture.ts';
import { explicit, importGraph, linear } from '../load-fixture.ts';

const families: FamilyTable = allFamilies;

async function lowered(file: string): Promise<Lowered> {
  const loaded = await loadGraph({ file, overrides: noOverrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  return mustLower(loaded.value.graph);
}

function mustLower(graph: Parameters<typeof lowerGraph>[0]): Lowered {
  const result = lowerGraph(graph, sm80, () => ({ supported: true }));
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function schedule({ plan }: Lowered, exclude?: Exclude) {
  const scheduled = schedulePlan(plan, { families, target: sm80, exclude });
  if (!scheduled.ok) throw new Error(JSON.stringify(scheduled.error));
  return scheduled.value;
}

/** A model of one linear that serves only M in [min, max]. */
function bounded(min: number, max: number): Lowered {
  const graph = importGraph(explicit([linear('proj', 'input', 64, 64, { tokens: { min, max } })]));
  const passed = runPasses(graph);
  if (!passed.ok) throw new Error(JSON.stringify(passed.error));
  return mustLower(passed.value.graph);
}

/** Why buckets do not cover from … to exactly, in order; empty when they do. */
function gaps(buckets: readonly Bucket[], from: number, to: number | undefined): readonly string[] {
  const found: string[] = [];
  let next: number | undefined = from;
  for (const bucket of buckets) {
    if (bucket.from !== next) found.push(`starts at ${bucket.from}, not ${next}`);
    next = bucket.to === undefined ? undefined : bucket.to + 1;
  }
  if (next !== (to === undefined ? undefined : to + 1)) found.push(`ends before ${next}, not ${to}`);
  return found;
}

const seven = await lowered(llama7b);
const scheduled = schedule(seven);
const oProj = seven.plan.sites.find(({ id }) => id === 'o_proj')!.linears[0]!.problem;

describe('buckets', () => {
  test.each(scheduled.plan.sites)('of $id cover every M from 1 on without a gap', ({ buckets }) => {
    expect(gaps(buckets, 1, undefined)).toEqual([]);
    expect(buckets.length).toBeGreaterThan(3);
  });

  test('cover exactly the tokens a layer is limited to', () => {
    const [site] = schedule(bounded(3, 40)).plan.sites;
    expect(gaps(site!.buckets, 3, 40)).toEqual([]);
    const [single] = schedule(bounded(17, 17)).plan.sites;
    expect(gaps(single!.buckets, 17, 17)).toEqual([]);
  });

  test('launch the quantize first, then each linear once, all of them kernels that are emitted', () => {
    const byId = new Map(scheduled.kernels.map((kernel) => [kernel.id, kernel]));
    for (const site of scheduled.plan.sites) {
      for (const { launches } of site.buckets) {
        expect(launches.map(({ problem }) => problem)).toEqual([
          site.quantize.hash,
          ...site.linears.map(({ hash }) => hash),
        ]);
        for (const { kernel, problem } of launches) expect(byId.get(kernel)?.problem).toBe(problem);
      }
    }
  });

  test('hold split-K kernels up to 16 tokens and tiles from 17 on', () => {
    for (const { spec, choices } of scheduled.kernels) {
      if (spec.schedule.kind === 'split-k') expect(choices.every(({ to = 99 }) => to <= 16)).toBe(true);
      if (spec.schedule.kind === 'tiled') expect(choices.every(({ from }) => from > 16)).toBe(true);
    }
  });
});

describe('the space of o_proj', () => {
  const { legal, rejections } = surveySchedules(allFamilies.linear, oProj, sm80);

  test('has at least 40 legal combinations of CTA tile and stages', () => {
    const tiles = legal.flatMap((entry) =>
      entry.kind === 'tiled' ? [`${entry.tileN}x${entry.tileM}s${entry.stages}`] : [],
    );
    expect(new Set(tiles).size).toBeGreaterThanOrEqual(40);
  });

  test('is counted in full: every schedule is legal or rejected, with a reason', () => {
    const all = [...allFamilies.linear.enumerate(oProj, sm80)].length;
    const rejected = rejections.reduce((sum, { count }) => sum + count, 0);
    expect(legal.length + rejected).toBe(all);
    for (const { example } of rejections) expect(example).toMatch(/\d|ldmatrix/);
  });

  test('is ranked as sorting all of it would, ties in the order of enumeration', () => {
    const best = rankSchedules(allFamilies.linear, oProj, legal, sm80, 2048, 13);
    const sorted = legal
      .map((entry) => ({ entry, time: allFamilies.linear.estimate(oProj, entry, sm80, 2048).microseconds }))
      .sort((a, b) => a.time - b.time);
    expect(best.map((ranked) => ranked.schedule)).toEqual(sorted.slice(0, 13).map(({ entry }) => entry));
  });
});

describe('reports', () => {
  const reportOf = (problem: LinearProblem, tokens: number) =>
    scheduled.kernels
      .filter(({ spec }) => JSON.stringify(spec.problem) === JSON.stringify(problem))
      .flatMap(({ choices }) => choices)
      .find(({ report }) => report.tokens === tokens)!.report;

  test('put o_proj at M = 2048 at 70 % of its roofline or better, in terms that name their arithmetic', () => {
    const report = reportOf(oProj, 2048);
    expect(report.chosen.rooflineFraction).toBeGreaterThanOrEqual(0.7);
    expect(report.terms.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tensor cores', 'shared memory', 'L2', 'DRAM', 'epilogue']),
    );
    for (const { how } of report.terms) expect(how).toMatch(/\d/);
    expect(report.outlierCost!.microseconds).toBeGreaterThan(0);
  });

  test('rank at least 8 runners-up, none faster than the chosen one', () => {
    for (const { choices, spec } of scheduled.kernels) {
      for (const { report } of choices) {
        const times = [report.chosen, ...report.runnersUp].map(({ microseconds }) => microseconds);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(report.runnersUp.length).toBeGreaterThanOrEqual(Math.min(8, report.legal - 1));
        if (spec.family === 'linear') expect(report.legal).toBeGreaterThan(8);
      }
    }
  });

  test('count every schedule once for every range of M', () => {
    const all = [...allFamilies.linear.enumerate(oProj, sm80)].length;
    for (const tokens of [8, 16, 32, 2048]) {
      const { legal, rejections } = reportOf(oProj, tokens);
      expect(legal + rejections.reduce((sum, { count }) => sum + count, 0)).toBe(all);
    }
  });
});

test('a tile taken out of the running gives way to the next best, and appears as excluded', () => {
  const winner = scheduled.kernels.find(({ id }) => id.includes('n4096k4096') && id.includes('_t128x128'))!;
  const [choice] = winner.choices;
  // Runners-up are other tiles or warp layouts: stages, steps and residencies of the winner's own are left out.
  const shape = ({ problem, schedule: own }: KernelSpec): string =>
    JSON.stringify([problem, own.kind === 'tiled' ? [own.tileN, own.tileM, own.warpsN, own.warpsM] : own]);
  const without = schedule(seven, (spec) =>
    shape(spec) === shape(winner.spec) ? 'another tile is wanted' : undefined,
  );
  expect(without.kernels.map(({ id }) => id)).not.toContain(winner.id);
  const next = without.kernels
    .filter(({ problem }) => problem === winner.problem)
    .flatMap(({ spec, choices }) => choices.map((entry) => ({ spec, ...entry })))
    .find(({ from }) => from === choice!.from)!;
  expect(next.spec.schedule).toEqual(choice!.report.runnersUp[0]!.schedule);
  expect(next.report.rejections).toContainEqual(
    expect.objectContaining({ kind: 'excluded', example: 'another tile is wanted' }),
  );
});

test('where nothing is left, QK401 names the layer and why the others fell', () => {
  const result = schedulePlan(seven.plan, {
    families,
    target: sm80,
    exclude: ({ schedule }) => (schedule.kind === 'split-k' ? 'tiles are wanted' : undefined),
  });
  const faults = result.ok ? [] : result.error;
  expect(faults.map(({ code }) => code)).toEqual(Array(4).fill('QK401'));
  expect(faults[0]!.message).toContain('layers.0-31.self_attn.qkv_proj for 1 to 8 tokens');
  expect(faults[0]!.hint).toMatch(/x registers \(\d+ registers/);
});
