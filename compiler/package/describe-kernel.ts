import type { Manifest, ManifestFile, ManifestKernel, ManifestResources } from '../../ir/manifest.ts';
import type { ScheduledKernel } from '../../ir/schedule-choice.ts';
import { residentCtas } from '../../targets/resident-ctas.ts';
import type { CudaTarget } from '../../targets/target.ts';
import type { FamilyTable } from '../families/family.ts';

/** What the machine code of a kernel says of itself. */
export type BuiltResources = NonNullable<ManifestResources['built']>;

/** A kernel's entry in the manifest; its files lie in the bundle already or are about to. */
export function describeKernel(
  kernel: ScheduledKernel,
  files: ManifestKernel['files'],
  built: BuiltResources | undefined,
  context: { readonly families: FamilyTable; readonly target: CudaTarget },
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
    arguments: contract.arguments,
    launch: contract.launch,
    ...(contract.workspace === undefined ? {} : { workspace: contract.workspace }),
    serves,
    sites,
    resources: describeResources(kernel, built, context),
    tolerances: family.tolerances(spec),
    explain: choices,
    files,
  };
}

function describeResources(
  { spec }: ScheduledKernel,
  built: BuiltResources | undefined,
  { families, target }: { readonly families: FamilyTable; readonly target: CudaTarget },
): ManifestResources {
  const family = families[spec.family];
  const { threads, registers, registerCap, sharedBytes } = family.resources(
    spec.problem,
    spec.schedule,
    target,
  );
  const used = built?.registers ?? registerCap;
  const resident = residentCtas({ threads, registers: used, sharedBytes }, target);
  const { dynamicSharedBytes } = family.contract(spec).launch;
  const { imma, hmma } = family.staticMma(spec);
  return {
    threads,
    dynamicSharedBytes,
    estimated: { registers, registerCap, sharedBytes },
    residentCtas: resident,
    occupancyPercent: Math.round((100 * resident * threads) / target.limits.threadsPerSm),
    mma: { imma, hmma },
    ...(built === undefined ? {} : { built }),
  };
}

/** Paths of a kernel's files within the bundle. */
export function kernelPath(id: string, kind: 'cu' | 'ptx' | 'cubin'): ManifestFile['path'] {
  return `kernels/${id}.${kind}`;
}
