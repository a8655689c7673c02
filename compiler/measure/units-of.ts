import type { FamilyName, KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel, ManifestSite } from '../../ir/manifest.ts';
import type { Schedule } from '../../ir/schedule.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { TunedTokens } from '../../ir/tuning-record.ts';
import type { FamilyTable } from '../families/family.ts';
import { familyTemplatesDigest } from '../render/family-digest.ts';
import { renderKernels } from '../render/render-kernels.ts';
import type { TemplateSet } from '../render/template-set.ts';
import { surveySchedules } from '../schedule/rank-schedules.ts';
import type { TargetVariant } from '../schedule/target-variants.ts';
import { assert } from '../support/assert.ts';
import { canonicalJson, hashValue } from '../support/hash.ts';
import { version } from '../support/version.ts';
import { type ScheduleCandidate, toCandidates } from '../tune/to-candidates.ts';
import type { TuneUnit } from '../tune/tune-unit.ts';
import type { CandidateKernel, MeasurePlane } from './measure-plane.ts';
import { runnableVariants } from './runnable-variants.ts';

/** A unit of the search with what it takes to try its candidates. */
export interface BundleUnit extends TuneUnit {
  /** The kernel that the bundle has for it: that of the best variant which `plane` can run, of those asked for. */
  readonly kernel: ManifestKernel;
  kernelOf(key: string): CandidateKernel;
}

/** What a search goes through. */
export interface UnitSource {
  readonly kernels: readonly ManifestKernel[];
  /** All sites of the bundle: they say which kernel a variant has for which M. */
  readonly sites: readonly ManifestSite[];
  readonly plane: MeasurePlane;
  readonly families: FamilyTable;
  readonly templates: TemplateSet;
}

/** A problem over a range of M, and the kernels that variants have for it. */
interface Served {
  readonly kernels: readonly [ManifestKernel, ...ManifestKernel[]];
  readonly tokens: TunedTokens;
}

/**
 * Every problem of some kernels over every range of M that they serve, with all schedules that `plane` can run and that a
 * compile could take for one of the variants.
 */
export function unitsOf(source: UnitSource): readonly BundleUnit[] {
  const served = new Map<string, Served>();
  for (const kernel of source.kernels) {
    for (const { from, to, report } of kernel.explain) {
      const name = `${kernel.problemHash} ${from}`;
      const known = served.get(name);
      const range = { from, ...(to === undefined ? {} : { to }) };
      const tokens = known?.tokens ?? { ...range, at: source.plane.timedTokens(range, report.tokens) };
      served.set(name, { kernels: known === undefined ? [kernel] : [...known.kernels, kernel], tokens });
    }
  }
  const variants = runnableVariants(source.plane.target);
  return [...served.values()].map((unit) => makeUnit(unit, variants, source));
}

function makeUnit(
  { kernels, tokens }: Served,
  variants: readonly TargetVariant[],
  { sites, plane, families, templates }: UnitSource,
): BundleUnit {
  const [{ spec, problemHash }] = kernels;
  const family: FamilyTable[FamilyName] = families[spec.family];
  const candidates = toCandidates(
    schedulesOf(family, spec.problem, variants, tokens).map((schedule) => ({
      schedule,
      microseconds: family.estimate(spec.problem, schedule, plane.target, tokens.at).microseconds,
    })),
  );
  const byKey = new Map(candidates.map((candidate) => [candidate.key, candidate]));
  const inUse = kernelsInUse(kernels, sites, variants, tokens.from);
  const kernel = inUse[0] ?? kernels[0];
  return {
    kernel,
    key: {
      target: plane.target.id,
      problem: { hash: problemHash, family: spec.family, description: family.describeProblem(spec.problem) },
      ...{ tokens, device: plane.device, toolchain: plane.toolchain, policy: plane.policy },
      provenance: {
        quikc: version,
        templatesDigest: familyTemplatesDigest(templates, family.templates),
      },
    },
    candidates,
    present: inUse.map((own) => canonicalJson(own.spec.schedule)),
    kernelOf: (key) => makeKernel(kernel, byKey.get(key), families, templates),
  };
}

/** Every schedule that is legal in some variant, once each. */
function schedulesOf(
  family: FamilyTable[FamilyName],
  problem: KernelSpec['problem'],
  variants: readonly TargetVariant[],
  tokens: TunedTokens,
): readonly Schedule[] {
  const legal = variants.flatMap(({ target }) => surveySchedules(family, problem, target).legal);
  const serving = legal.filter((schedule) => family.servesRange(schedule, tokens));
  return [...new Map(serving.map((schedule) => [canonicalJson(schedule), schedule])).values()];
}

/** What each variant launches at M = `from`, the best variant's kernel first, each kernel once. */
function kernelsInUse(
  kernels: readonly ManifestKernel[],
  sites: readonly ManifestSite[],
  variants: readonly TargetVariant[],
  from: number,
): readonly ManifestKernel[] {
  const buckets = sites.flatMap((site) => site.buckets);
  const launchedBy = ({ variant }: TargetVariant) => {
    const own = buckets.filter(
      (bucket) =>
        bucket.variant === variant && bucket.from <= from && from <= (bucket.to ?? Number.POSITIVE_INFINITY),
    );
    const launched = new Set(own.flatMap(({ launches }) => launches.map((launch) => launch.kernel)));
    return kernels.filter(({ id }) => launched.has(id));
  };
  return [...new Set([...variants].reverse().flatMap(launchedBy))];
}

function makeKernel(
  served: ManifestKernel,
  candidate: ScheduleCandidate | undefined,
  families: FamilyTable,
  templates: TemplateSet,
): CandidateKernel {
  assert(candidate !== undefined, 'a search tries its own candidates');
  const { family, problem } = served.spec;
  const spec = { family, problem, schedule: candidate.schedule } as KernelSpec;
  const kernel: ScheduledKernel = {
    id: families[family].kernelId(spec),
    ...{ spec, specHash: hashValue(spec), serves: served.serves, sites: served.sites, choices: [] },
    problem: served.problemHash as ScheduledKernel['problem'],
  };
  const text = renderKernels([kernel], families, templates).get(kernel.id);
  assert(text !== undefined, 'every kernel is rendered');
  return { kernel, text };
}
