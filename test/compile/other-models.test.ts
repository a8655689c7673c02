// Models beyond LLaMA-2-7B, through nvcc and the gate: sizes at which a schedule chosen by the model may not build.
import { describe, expect, test } from 'vitest';
import type { BuildTools } from '../../compiler/back-end.ts';
import { findToolchain } from '../../compiler/build/find-toolchain.ts';
import { cudaBackEnd } from '../../compiler/cuda-back-end.ts';
import { diagnose } from '../../compiler/diagnostics/codes.ts';
import type { DiagnosticCode } from '../../compiler/diagnostics/diagnostic.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../compiler/load-graph.ts';
import { lowerGraph } from '../../compiler/lower/lower-graph.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { scheduleAndBuild } from '../../compiler/schedule-and-build.ts';
import { sm80 } from '../../targets/sm80.ts';

const found = await findToolchain({ env: process.env });
// A machine that tests changes must have a compiler: there, its absence fails.
const needsNvcc = describe.skipIf(!found.ok && !process.env['CI']);

async function build(file: string, change: (tools: BuildTools) => BuildTools = (same) => same) {
  const loaded = await loadGraph({ file, overrides: noOverrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { families, findTools } = cudaBackEnd(sm80);
  const lowered = lowerGraph(loaded.value.graph, sm80, (problem) =>
    families[problem.family].supports(problem, sm80),
  );
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  const tools = await findTools({ env: process.env });
  if (!tools.ok) throw new Error(JSON.stringify(tools.error));
  return scheduleAndBuild(lowered.value.plan, {
    ...{ families, target: sm80, templates: loadTemplates('templates'), tools: change(tools.value) },
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
    const { kernels, results } = built.value;
    expect([...results!.keys()].sort()).toEqual(kernels.map(({ id }) => id).sort());
    for (const result of results!.values())
      expect(result !== 'checked' && result.resources.spillStoreBytes).toBe(0);
  });
});

needsNvcc('a schedule that the build shows to be misjudged', () => {
  const file = 'test/fixtures/models/tiny-llama.json';
  /** Tools that find fault with one kernel, as its gate would. */
  const failing =
    (victim: string, code: DiagnosticCode) =>
    (tools: BuildTools): BuildTools => ({
      ...tools,
      async build(kernels, texts, options) {
        const { results, failed, warnings } = await tools.build(kernels, texts, options);
        const rest = new Map([...results].filter(([id]) => id !== victim));
        const diagnostics = [diagnose(code, { message: 'found by a test' })];
        const fault = results.has(victim) ? [{ id: victim, diagnostics }] : [];
        return { results: rest, failed: [...failed, ...fault], warnings };
      },
    });

  test('gives way to the next best, and says why among the rejections', async () => {
    const before = await build(file);
    if (!before.ok) throw new Error(JSON.stringify(before.error));
    const victim = before.value.kernels.find(({ spec }) => spec.schedule.kind === 'tiled')!;
    const after = await build(file, failing(victim.id, 'QK644'));
    if (!after.ok) throw new Error(JSON.stringify(after.error));
    expect(after.value.kernels.map(({ id }) => id)).not.toContain(victim.id);
    const choice = victim.choices[0]!;
    const next = after.value.kernels
      .filter(({ problem }) => problem === victim.problem)
      .flatMap(({ choices }) => choices)
      .find(({ from }) => from === choice.from)!;
    const excluded = next.report.rejections.find(({ kind }) => kind === 'excluded')!;
    expect(excluded.example).toMatch(/^t\d+x\d+x\d+B .*: found by a test$/);
    expect(next.report.chosen.microseconds).toBeGreaterThanOrEqual(choice.report.chosen.microseconds);
  });

  test('is told from a fault of the compiler, which ends the build', async () => {
    const before = await build(file);
    if (!before.ok) throw new Error(JSON.stringify(before.error));
    const result = await build(file, failing(before.value.kernels[0]!.id, 'QK641'));
    expect(result.ok ? [] : result.error.map(({ code }) => code)).toEqual(['QK641']);
  });
});
