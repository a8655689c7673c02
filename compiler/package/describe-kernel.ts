import type { Manifest, ManifestKernel } from '../../ir/manifest.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import type { Target } from '../../targets/target.ts';
import type { BuiltResources, FamilyTable } from '../families/family.ts';

/** A kernel's entry in the manifest; its files lie in the bundle already or are about to. */
export function describeKernel(
  kernel: ScheduledKernel,
  files: ManifestKernel['files'],
  built: BuiltResources | undefined,
  context: { readonly families: FamilyTable; readonly target: Target },
): Manifest['kernels'][number] {
  const { id, spec, specHash, problem, serves, sites, choices } = kernel;
  const family = context.families[spec.family];
  const contract = family.contract(spec);
  return {
    id,
    family: spec.family,
    symbol: id,
    target: context.target.id,
    specHash,
    problemHash: problem,
    spec,
    ...contract,
    serves,
    sites,
    resources: family.describeResources(spec, context.target, built),
    tolerances: family.tolerances(spec),
    explain: choices,
    files,
  };
}
