// Models beyond LLaMA-2-7B, through nvcc and the gate: sizes at which a schedule chosen by the model may not build.
import { beforeAll, describe, expect, test } from 'vitest';
import { findToolchain, type Toolchain } from '../../compiler/build/find-toolchain.ts';
import type { FamilyTable } from '../../compiler/families/family.ts';
import { families as allFamilies } from '../../compiler/families/index.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../compiler/load-graph.ts';
import { lowerGraph } from '../../compiler/lower/lower-graph.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { scheduleAndBuild } from '../../compiler/schedule-and-build.ts';
import { sm80 } from '../../targets/sm80.ts';

const found = await findToolchain({ env: process.env });
// A machine that tests changes must have a compiler: there, its absence fails.
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);
let toolchain: Toolchain;
beforeAll(() => {
  if (found.ok) toolchain = found.value;
});

async function build(file: string, families: FamilyTable = allFamilies) {
  const loaded = await loadGraph({ file, overrides: noOverrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { graph } = loaded.value;
  const lowered = lowerGraph(graph, sm80, (problem) => families[problem.family].supports(problem, sm80));
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  return scheduleAndBuild(lowered.value.plan, {
    ...{ families, target: sm80, templates: loadTemplates('templates'), toolchain },
    ...{ buildOptions: { env: process.env }, timed: () => {} },
  });
}

needsNvcc('every kernel is built, none spills', () => {
  test.each([
    'examples/llama-2-13b/model.json',
    'examples/llama-2-70b/model.json',
    'test/fixtures/models/narrow-896.json',
    'test/fixtures/models/ragged.json',
  ])('%s', async (file) => {
    const built = await build(file);
    expect(built.ok ? [] : built.error).toEqual([]);
    if (!built.ok) return;
    const { kernels, binaries } = built.value;
    expect([...binaries!.keys()].sort()).toEqual(kernels.map(({ id }) => id).sort());
    for (const { resources } of binaries!.values()) expect(resources.spillStoreBytes).toBe(0);
  });
});

needsNvcc('a schedule that the build shows to be misjudged', () => {
  const file = 'test/fixtures/models/tiny-llama.json';
  const isTile = (schedule: { readonly kind: string }) => schedule.kind === 'tiled';
  const linear: FamilyTable['linear'] = allFamilies.linear as unknown as FamilyTable['linear'];

  test('gives way to the next best, and says why among the rejections', async () => {
    const before = await build(file);
    if (!before.ok) throw new Error(JSON.stringify(before.error));
    const victim = before.value.kernels.find(({ spec }) => isTile(spec.schedule))!;
    const unlucky = JSON.stringify(victim.spec.schedule);
    const misjudging: FamilyTable = {
      ...(allFamilies as unknown as FamilyTable),
      linear: {
        ...linear,
        // As if the launch bounds had left it 16 registers, which ptxas then exceeds.
        resources: (problem, schedule, target) => ({
          ...linear.resources(problem, schedule, target),
          ...(JSON.stringify(schedule) === unlucky ? { registerCap: 16 } : {}),
        }),
        reject: linear.reject,
      },
    };
    const after = await build(file, misjudging);
    if (!after.ok) throw new Error(JSON.stringify(after.error));
    const schedules = after.value.kernels.map(({ spec }) => JSON.stringify(spec.schedule));
    expect(schedules).not.toContain(unlucky);
    const choice = victim.choices[0]!;
    const next = after.value.kernels
      .filter(({ problem }) => problem === victim.problem)
      .flatMap(({ choices }) => choices)
      .find(({ from }) => from === choice.from)!;
    const excluded = next.report.rejections.find(({ kind }) => kind === 'excluded')!;
    expect(excluded.example).toMatch(/registers, at most 16 expected/);
    expect(next.report.chosen.microseconds).toBeGreaterThanOrEqual(choice.report.chosen.microseconds);
  });

  test('is told from a fault of the compiler, which ends the build', async () => {
    const wrong: FamilyTable = {
      ...(allFamilies as unknown as FamilyTable),
      linear: { ...linear, staticMma: () => ({ imma: 1, hmma: 1 }) },
    };
    const result = await build(file, wrong);
    expect(result.ok ? [] : [...new Set(result.error.map(({ code }) => code))]).toEqual(['QK641']);
  });
});
