import { familiesOf } from '../../compiler/families/index.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../compiler/load-graph.ts';
import { lowerGraph } from '../../compiler/lower/lower-graph.ts';
import { loadTemplates } from '../../compiler/render/load-templates.ts';
import { renderKernels } from '../../compiler/render/render-kernels.ts';
import { type ScheduledPlan, schedulePlan } from '../../compiler/schedule/schedule-plan.ts';
import type { Result } from '../../compiler/support/result.ts';
import { printGraph } from '../../ir/print-graph.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import { sm80 } from '../../targets/sm80.ts';
import type { Target } from '../../targets/target.ts';
import { describeKernels } from './describe-kernels.ts';
import type { GoldenModel } from './golden-models.ts';
import { maskProvenance } from './mask-provenance.ts';

/** What the stages up to `render` make of a golden model; no compiler is needed. */
export interface EmittedModel extends ScheduledPlan {
  readonly graph: string;
  readonly texts: ReadonlyMap<string, string>;
  readonly target: Target;
}

export async function emitModel({ file }: GoldenModel, target: Target = sm80): Promise<EmittedModel> {
  const families = familiesOf(target.dialect);
  const { graph } = must(await loadGraph({ file, overrides: noOverrides }));
  const { plan } = must(
    lowerGraph(graph, target, (problem) => families[problem.family].supports(problem, target)),
  );
  const scheduled = must(schedulePlan(plan, { families, target }));
  const texts = renderKernels(scheduled.kernels, families, loadTemplates('templates'));
  return { ...scheduled, graph: printGraph(graph), texts, target };
}

/**
 * The kernels whose text is committed: the first of each structure, which is the template, what fills its slots, and
 * the operations fused into it. The rest differ in numbers only; kernels.txt holds a digest of each. Of a target's variants
 * those of `base` are shown: what the others differ in is in explicit.webgpu/.
 */
export function shownKernels({ kernels, plan }: ScheduledPlan): readonly ScheduledKernel[] {
  const structures = new Map<string, ScheduledKernel>();
  const buckets = plan.sites.flatMap((site) => site.buckets);
  const shown = buckets.filter(({ variant = 'base' }) => variant === 'base');
  const launched = new Set(shown.flatMap(({ launches }) => launches.map(({ kernel }) => kernel)));
  for (const kernel of kernels.filter(({ id }) => launched.has(id))) {
    const { problem, schedule } = kernel.spec;
    const fused = problem.family === 'linear' ? problem.epilogue.map(({ op }) => op) : problem.prologue.op;
    const bits = problem.family === 'linear' ? problem.weightBits : problem.bits;
    const structure = JSON.stringify([problem.family, schedule.kind, bits, problem.dtype, fused]);
    if (!structures.has(structure)) structures.set(structure, kernel);
  }
  return [...structures.values()];
}

/** The golden files of a model, by their path below its folder. */
export function goldenFiles(emitted: EmittedModel): ReadonlyMap<string, string> {
  const masked = new Map([...emitted.texts].map(([id, text]) => [id, maskProvenance(text)]));
  const isCuda = emitted.target.dialect === 'cuda';
  return new Map([
    // The graph is the same for every target.
    ...(isCuda ? [['graph.ir', emitted.graph] as const] : []),
    ['kernels.txt', describeKernels(emitted, masked)] as const,
    ...shownKernels(emitted).map(
      ({ id }) => [`kernels/${id}.${isCuda ? 'cu' : 'wgsl'}`, masked.get(id) ?? ''] as const,
    ),
  ]);
}

function must<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error, null, 2));
  return result.value;
}
