import type { DeviceNeeds } from '../../ir/device-needs.ts';
import type { Manifest, ManifestKernel, ManifestSite, ManifestTarget } from '../../ir/manifest.ts';
import { needsOf } from '../../ir/needs-of.ts';
import type { ManifestFault } from './manifest-fault.ts';
import { variantsOf } from './variants-of.ts';

/** Buckets are of the target's variants, each variant has some at every site, and its kernels ask for no more than it. */
export function checkVariants({ target, sites, kernels }: Manifest): readonly ManifestFault[] {
  const names: readonly (string | undefined)[] = target.variants?.map(({ name }) => name) ?? [undefined];
  const repeated = [...names.keys()].filter((index) => names.indexOf(names[index]) !== index);
  return [
    ...repeated.map((index) => ({
      pointer: `/target/variants/${index}/name`,
      message: 'another variant has this name',
    })),
    ...sites.flatMap((site, index) => checkSite(site, names, `/sites/${index}`)),
    ...kernels.flatMap((kernel, index) => checkKernel(kernel, sites, target, `/kernels/${index}`)),
  ];
}

function checkSite(
  { buckets }: ManifestSite,
  names: readonly (string | undefined)[],
  pointer: string,
): readonly ManifestFault[] {
  const unknown = buckets.flatMap(({ variant }, index) =>
    names.includes(variant)
      ? []
      : [{ pointer: `${pointer}/buckets/${index}/variant`, message: 'the target has no such variant' }],
  );
  const missing = names.filter((name) => !buckets.some(({ variant }) => variant === name));
  return [
    ...unknown,
    ...missing.map((name) => ({
      pointer: `${pointer}/buckets`,
      message: name === undefined ? 'there are none' : `there are none of the variant ${name}`,
    })),
  ];
}

function checkKernel(
  { id, resources }: ManifestKernel,
  sites: readonly ManifestSite[],
  target: ManifestTarget,
  pointer: string,
): readonly ManifestFault[] {
  if (resources.dialect !== target.dialect)
    return [{ pointer: `${pointer}/resources/dialect`, message: `the target's is ${target.dialect}` }];
  const using = new Set(variantsOf(id, sites));
  return (target.variants ?? [])
    .filter((variant) => using.has(variant.name) && asksForMore(needsOf(resources), variant))
    .map(({ name }) => ({
      pointer: `${pointer}/resources`,
      message: `asks for more than the variant ${name}, which launches it`,
    }));
}

function asksForMore(needs: DeviceNeeds, given: DeviceNeeds): boolean {
  return (
    needs.features.some((feature) => !given.features.includes(feature)) ||
    needs.languageFeatures.some((feature) => !given.languageFeatures.includes(feature)) ||
    needs.leastSubgroupSize > given.leastSubgroupSize
  );
}
