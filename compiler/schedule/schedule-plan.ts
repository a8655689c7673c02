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

/** A kernel for every M of every site: equal problems over equal ranges of M are solved once. */
export function schedulePlan(
  plan: Plan,
  options: ScheduleOptions,
): Result<ScheduledPlan, readonly Diagnostic[]> {
  const faults: Diagnostic[] = [];
  const solved = new Map<string, readonly KernelChoice[]>();
  const kernels = new KernelTable();
  const solve = (planned: PlannedProblem, { tokens }: Site): readonly KernelChoice[] => {
    const key = hashValue({ hash: planned.hash, tokens });
    const known = solved.get(key);
    if (known !== undefined) return known;
    const chosen = choose(planned, tokens, options);
    if (!chosen.ok) faults.push(chosen.error);
    const choices = chosen.ok ? chosen.value : [];
    solved.set(key, choices);
    return choices;
  };
  const sites = plan.sites.map((site) => {
    const choicesOf = [site.quantize, ...site.linears].map((planned) => {
      const choices = solve(planned, site);
      for (const choice of choices) kernels.add(choice, planned, site.id);
      return choices;
    });
    return { ...site, buckets: fillBuckets(choicesOf, site.tokens) };
  });
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
    return { from, ...(to === undefined ? {} : { to }), launches };
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
