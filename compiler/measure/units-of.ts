import type { FamilyName, KernelSpec } from '../../ir/kernel-spec.ts';
import type { ManifestKernel } from '../../ir/manifest.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { TunedTokens } from '../../ir/tuning-record.ts';
import type { FamilyTable } from '../families/family.ts';
import { familyTemplatesDigest } from '../render/family-digest.ts';
import { renderKernels } from '../render/render-kernels.ts';
import type { TemplateSet } from '../render/template-set.ts';
import { surveySchedules } from '../schedule/rank-schedules.ts';
import { assert } from '../support/assert.ts';
import { canonicalJson, hashValue } from '../support/hash.ts';
import { version } from '../support/version.ts';
import { type ScheduleCandidate, toCandidates } from '../tune/to-candidates.ts';
import type { TuneUnit } from '../tune/tune-unit.ts';
import type { CandidateKernel, MeasurePlane } from './measure-plane.ts';

/** A unit of the search with what it takes to try its candidates. */
export interface BundleUnit extends TuneUnit {
  /** The kernel that the bundle has for it. */
  readonly kernel: ManifestKernel;
  kernelOf(key: string): CandidateKernel;
}

/** Every problem of some kernels over every range of M that they serve, with all schedules that `plane` can run. */
export function unitsOf(
  kernels: readonly ManifestKernel[],
  plane: MeasurePlane,
  families: FamilyTable,
  templates: TemplateSet,
): readonly BundleUnit[] {
  const units = new Map<string, BundleUnit>();
  for (const kernel of kernels) {
    for (const { from, to, report } of kernel.explain) {
      const name = `${kernel.problemHash} ${from}`;
      if (units.has(name)) continue;
      const range = { from, ...(to === undefined ? {} : { to }) };
      const tokens = { ...range, at: plane.timedTokens(range, report.tokens) };
      units.set(name, makeUnit(kernel, tokens, plane, families, templates));
    }
  }
  return [...units.values()];
}

function makeUnit(
  kernel: ManifestKernel,
  tokens: TunedTokens,
  plane: MeasurePlane,
  families: FamilyTable,
  templates: TemplateSet,
): BundleUnit {
  const { problem, family: name } = kernel.spec;
  const family: FamilyTable[FamilyName] = families[name];
  const { legal } = surveySchedules(family, problem, plane.target);
  const specOf = (schedule: KernelSpec['schedule']) => ({ family: name, problem, schedule }) as KernelSpec;
  const usable = legal.filter(
    (schedule) => family.servesRange(schedule, tokens) && plane.canRun(specOf(schedule)),
  );
  const candidates = toCandidates(
    usable.map((schedule) => ({
      schedule,
      microseconds: family.estimate(problem, schedule, plane.target, tokens.at).microseconds,
    })),
  );
  const byKey = new Map(candidates.map((candidate) => [candidate.key, candidate]));
  return {
    kernel,
    key: {
      target: plane.target.id,
      problem: { hash: kernel.problemHash, family: name, description: family.describeProblem(problem) },
      ...{ tokens, device: plane.device, toolchain: plane.toolchain, policy: plane.policy },
      provenance: {
        quikc: version,
        templatesDigest: familyTemplatesDigest(templates, family.templates),
      },
    },
    candidates,
    present: canonicalJson(kernel.spec.schedule),
    kernelOf: (key) => makeKernel(kernel, byKey.get(key), families, templates),
  };
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
