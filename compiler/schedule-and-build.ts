import type { KernelSpec } from '../ir/kernel-spec.ts';
import type { Plan } from '../ir/plan.ts';
import { printSchedule } from '../ir/print-schedule.ts';
import type { ScheduledKernel } from '../ir/schedule-choice.ts';
import type { Target } from '../targets/target.ts';
import type { BuildTools } from './back-end.ts';
import type { BuildOptions, BuildReport } from './build/build-kernels.ts';
import type { Diagnostic, DiagnosticCode } from './diagnostics/diagnostic.ts';
import type { FamilyTable } from './families/family.ts';
import type { BuildResult } from './package/make-bundle.ts';
import { type KernelTexts, renderKernels } from './render/render-kernels.ts';
import type { TemplateSet } from './render/template-set.ts';
import type { TunedLookup } from './schedule/choose-schedules.ts';
import { type Exclude, schedulePlan } from './schedule/schedule-plan.ts';
import { fail, type Result, succeed } from './support/result.ts';
import { traceFaults } from './trace-faults.ts';

export interface BuildRequest {
  readonly families: FamilyTable;
  readonly target: Target;
  readonly templates: TemplateSet;
  /** Absent: schedules and texts only. */
  readonly tools?: BuildTools | undefined;
  readonly buildOptions: BuildOptions;
  readonly exclude?: Exclude | undefined;
  readonly tuned?: TunedLookup | undefined;
  readonly timed: (stage: string) => void;
}

export interface BuiltPlan {
  /** The plan with every site's buckets filled. */
  readonly plan: Plan;
  readonly kernels: readonly ScheduledKernel[];
  readonly texts: KernelTexts;
  readonly results?: ReadonlyMap<string, BuildResult>;
  readonly warnings: readonly Diagnostic[];
}

type Faults = readonly Diagnostic[];

/** Spills, local memory, too many registers: ptxas's verdict on a schedule, which another one need not share. */
const scheduleFaults: ReadonlySet<DiagnosticCode> = new Set(['QK644', 'QK645', 'QK647']);
/** Two were the most ever needed; many mean that something else is wrong. */
const mostRounds = 8;

/**
 * Schedules, renders and builds. A kernel that shows at its gate that its schedule was misjudged gives way to the next
 * in the ranking, and says why among the rejections; what else built well comes from the cache.
 */
export async function scheduleAndBuild(
  plan: Plan,
  request: BuildRequest,
): Promise<Result<BuiltPlan, Faults>> {
  const { families, target, templates, tools, buildOptions, tuned, timed } = request;
  const misjudged = new Map<string, string>();
  const exclude = (spec: KernelSpec): string | undefined =>
    request.exclude?.(spec) ?? (misjudged.size > 0 ? misjudged.get(JSON.stringify(spec)) : undefined);
  for (let round = 1; ; round++) {
    const scheduled = schedulePlan(plan, { families, target, exclude, tuned });
    timed('schedule');
    if (!scheduled.ok) return scheduled;
    const { kernels } = scheduled.value;
    const texts = renderKernels(kernels, families, templates);
    timed('render');
    if (tools === undefined) return succeed({ ...scheduled.value, texts, warnings: [] });

    const { results, failed, warnings } = await tools.build(kernels, texts, buildOptions);
    timed('build');
    if (failed.length === 0) return succeed({ ...scheduled.value, texts, results, warnings });
    if (round === mostRounds || !failed.every(isMisjudged))
      return fail(traceFaults(failed, kernels, families, templates));
    for (const { id, diagnostics } of failed) {
      const spec = kernels.find((kernel) => kernel.id === id)?.spec;
      if (spec === undefined) continue;
      const why = diagnostics.map(({ message }) => message).join('; ');
      misjudged.set(JSON.stringify(spec), `${printSchedule(spec.schedule)}: ${why}`);
    }
  }
}

function isMisjudged({ diagnostics }: BuildReport['failed'][number]): boolean {
  return diagnostics.every(({ code }) => scheduleFaults.has(code));
}
