import { findBackEnd } from '../../compiler/find-back-end.ts';
import { noOverrides } from '../../compiler/frontend/layer-rule.ts';
import { loadGraph } from '../../compiler/load-graph.ts';
import { lowerGraph } from '../../compiler/lower/lower-graph.ts';
import { schedulePlan } from '../../compiler/schedule/schedule-plan.ts';
import type { Plan } from '../../ir/plan.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { Target } from '../../targets/target.ts';
import { tinyLlama } from './compile-fixture.ts';

/** The plan of a small LLaMA, its sites without kernels. */
export async function planFixture(target: Target, file = tinyLlama): Promise<Plan> {
  const loaded = await loadGraph({ file, overrides: noOverrides });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
  const { families } = findBackEnd(target);
  const lowered = lowerGraph(loaded.value.graph, target, (problem) =>
    families[problem.family].supports(problem, target),
  );
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  return lowered.value.plan;
}

/** Its kernels. */
export async function lowerFixture(target: Target): Promise<readonly ScheduledKernel[]> {
  const { families } = findBackEnd(target);
  const scheduled = schedulePlan(await planFixture(target), { families, target });
  if (!scheduled.ok) throw new Error(JSON.stringify(scheduled.error));
  return scheduled.value.kernels;
}
