import type { KernelSpec } from '../../ir/kernel-spec.ts';
import type { Bucket, Plan, PlannedProblem, Site, SiteLaunch } from '../../ir/plan.ts';
import type { KernelChoice, RangeChoice, ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { Target } from '../../targets/target.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { FamilyTable } from '../families/family.ts';
import { assert } from '../support/assert.ts';
import { hashValue } from '../support/hash.ts';
import { fail, type Result, succeed } from '../support/result.ts';
import { chooseSchedules, type TunedLookup } from './choose-schedules.ts';
import { type TargetVariant, targetVariants } from './target-variants.ts';

export interface ScheduleOptions {
  readonly families: FamilyTable;
  readonly target: Target;
  readonly exclude?: Exclude | undefined;
  readonly tuned?: TunedLookup | undefined;
}

/** Takes kernels out of the running, e.g. such as a build has shown not to work: gives the reason, or nothing. */
export type Exclude = (spec: KernelSpec) => string | undefined;

export interface ScheduledPlan {
  /** The plan with every site's buckets filled. */
  readonly plan: Plan;
  /** Distinct, in order of first use. */
  readonly kernels: readonly ScheduledKernel[];
}

/**
 * For each of the target's variants a kernel for every M of every site: equal problems over equal ranges of M are solved
 * once a variant, and kernels that variants have in common are one.
 */
export function schedulePlan(
  plan: Plan,
  options: ScheduleOptions,
): Result<ScheduledPlan, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const solved = new Map<string, readonly KernelChoice[]>();
  const kernels = new KernelTable();
  const forms = targetVariants(options.target);
  const solve = (planned: PlannedProblem, { tokens }: Site, form: TargetVariant): readonly KernelChoice[] => {
    const key = hashValue({ hash: planned.hash, tokens, variant: form.variant });
    const known = solved.get(key);
    if (known !== undefined) return known;
    const chosen = choose(planned, tokens, { ...options, target: form.target });
    if (!chosen.ok && !faults.some(({ message }) => message === chosen.error.message))
      faults.push(chosen.error);
    const choices = chosen.ok ? chosen.value : [];
    solved.set(key, choices);
    return choices;
  };
  const fill = (site: Site, form: TargetVariant): readonly Bucket[] => {
    const choicesOf = [site.quantize, ...site.linears].map((planned) => {
      const choices = solve(planned, site, form);
      for (const choice of choices) kernels.add(choice, planned, site.id);
      return choices;
    });
    return fillBuckets(choicesOf, site.tokens, form.variant);
  };
  const sites = plan.sites.map((site) => ({ ...site, buckets: forms.flatMap((form) => fill(site, form)) }));
  return faults.length > 0 ? fail(faults) : succeed({ plan: { ...plan, sites }, kernels: kernels.settle() });
}

function choose(planned: PlannedProblem, tokens: Site['tokens'], options: ScheduleOptions) {
  const { families, target, exclude, tuned } = options;
  const { problem } = planned;
  const range = { from: tokens.min, ...(tokens.max === undefined ? {} : { to: tokens.max }) };
  return chooseSchedules(families[problem.family], planned, problem, range, target, {
    exclude: (schedule) => exclude?.({ family: problem.family, problem, schedule } as KernelSpec),
    tuned,
  });
}

/** Cuts a site's tokens wherever one of its kernels changes: in each piece, one launch a problem, quantize first. */
function fillBuckets(
  choicesOf: readonly (readonly KernelChoice[])[],
  tokens: Site['tokens'],
  variant: string | undefined,
): readonly Bucket[] {
  if (choicesOf.some((choices) => choices.length === 0)) return []; // a fault is reported for it
  const starts = [...new Set(choicesOf.flatMap((choices) => choices.map(({ from }) => from)))];
  starts.sort((a, b) => a - b);
  const pieces: { readonly from: number; readonly launches: readonly SiteLaunch[] }[] = [];
  for (const from of starts) {
    const launches = choicesOf.map((choices): SiteLaunch => {
      const serving = choices.findLast((choice) => choice.from <= from);
      assert(serving !== undefined, `some kernel serves M = ${from}`);
      return { problem: serving.problem, kernel: serving.kernel };
    });
    const same = pieces.at(-1)?.launches.every(({ kernel }, index) => kernel === launches[index]?.kernel);
    if (same !== true) pieces.push({ from, launches });
  }
  return pieces.map(({ from, launches }, index): Bucket => {
    const next = pieces[index + 1];
    const to = next === undefined ? tokens.max : next.from - 1;
    const named = variant === undefined ? {} : { variant };
    return { from, ...(to === undefined ? {} : { to }), ...named, launches };
  });
}

/** Collects kernels by id; the id has a hash of the whole spec, so equal ids are equal kernels. */
class KernelTable {
  private readonly kernels = new Map<string, ScheduledKernel>();

  add(choice: KernelChoice, planned: PlannedProblem, site: string): void {
    const { kernel: id, spec, problem } = choice;
    const known = this.kernels.get(id);
    const base = known ?? {
      id,
      spec,
      specHash: hashValue(spec),
      problem,
      serves: [],
      sites: [],
      choices: [],
    };
    this.kernels.set(id, {
      ...base,
      serves: [...new Set([...base.serves, ...planned.serves])],
      sites: [...new Set([...base.sites, site])],
      choices: withRange(base.choices, choice),
    });
  }

  settle(): readonly ScheduledKernel[] {
    return [...this.kernels.values()];
  }
}

function withRange(
  choices: readonly RangeChoice[],
  { from, to, report }: KernelChoice,
): readonly RangeChoice[] {
  if (choices.some((known) => known.from === from && known.to === to)) return choices;
  return [...choices, { from, ...(to === undefined ? {} : { to }), report }];
}
