import type { TemplateContract } from '../families/family.ts';
import { canonicalJson, sha256 } from '../support/hash.ts';
import type { TemplateSet } from './template-set.ts';

/**
 * SHA-256 over what a family's kernels can be made of: its templates, all that may fill their slots, and all that those
 * include. A change elsewhere leaves it as it is.
 */
export function familyTemplatesDigest(
  { sources }: TemplateSet,
  contracts: readonly TemplateContract[],
): string {
  const reached = new Map<string, string>();
  const reach = (name: string): void => {
    const source = sources.get(name);
    if (source === undefined || reached.has(name)) return;
    reached.set(name, source);
    for (const [, included = ''] of source.matchAll(/\{\{>\s*([\w/-]+)/g)) reach(included);
  };
  for (const { template, slots } of contracts)
    for (const name of [template, ...Object.values(slots).flat()]) reach(name);
  return sha256(canonicalJson([...reached].sort(([a], [b]) => (a < b ? -1 : 1))));
}
